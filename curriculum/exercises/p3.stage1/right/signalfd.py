"""The same with a signalfd: signals are read like data, and no handler runs (signalfd(2))."""

import ctypes
import json
import os
import pwd
import signal
import struct
import sys

SFD_CLOEXEC = 0o2000000
SIZE = 128  # of a signalfd_siginfo
C = ctypes.CDLL(None, use_errno=True)


def signalfd(numbers):
    """A file descriptor from which these signals, which must be blocked, are read."""
    mask = ctypes.create_string_buffer(128)  # a sigset_t
    C.sigemptyset(mask)
    for number in numbers:
        C.sigaddset(mask, int(number))
    fd = C.signalfd(-1, mask, SFD_CLOEXEC)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "signalfd")
    return fd


def tell(event, name, **more):
    os.write(1, (json.dumps({"event": event, "service": name, **more}) + "\n").encode())


def become(spec):
    try:
        os.setsid()
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        if spec.get("user"):
            account = pwd.getpwnam(spec["user"])
            os.initgroups(account.pw_name, account.pw_gid)
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)
        os.chdir(spec.get("cwd") or "/")
        os.execvpe(spec["command"][0], spec["command"], {**os.environ, **spec.get("env", {})})
    except Exception as error:
        os.write(2, f"{spec['name']}: {spec['command'][0]}: {error}\n".encode())
    os._exit(127)


def reap(running):
    while True:
        try:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG)
        except ChildProcessError:
            return
        if found is None:
            return
        name = running.pop(found.si_pid, None)
        if name is not None:
            key = "code" if found.si_code == os.CLD_EXITED else "signal"
            tell("exit", name, pid=found.si_pid, **{key: found.si_status})


def send(pid, number):
    try:
        os.killpg(pid, number)
    except ProcessLookupError:  # before its setsid
        os.kill(pid, number)


def main(manifest):
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD, signal.SIGTERM])
    fd = signalfd([signal.SIGCHLD, signal.SIGTERM])
    running = {}
    with open(manifest) as file:
        specs = json.load(file)["services"]
    for spec in specs:
        pid = os.fork()
        if pid == 0:
            become(spec)
        running[pid] = spec["name"]
        tell("start", spec["name"], pid=pid)
    stopping = False
    while running or not stopping:
        for (number,) in struct.iter_unpack("I124x", os.read(fd, 16 * SIZE)):
            if number == signal.SIGTERM:
                stopping = True
                for pid in running:
                    send(pid, signal.SIGTERM)
        reap(running)
    return 0


sys.exit(main(sys.argv[1]))
