# Right: signals are blocked and taken one by one with sigwaitinfo(2), as signalfd(2) would give them.
import os
import signal
import sys


def spawn(command):
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    try:
        os.execvp(command[0], command)
    except FileNotFoundError:
        os.write(2, f"{command[0]}: not found\n".encode())
        os._exit(127)
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
        os._exit(126)


def reap(child):
    """The exit code of `child` if it is among those reaped, else None."""
    code = None
    while True:
        try:
            info = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG)
        except ChildProcessError:
            return code
        if info is None:
            return code
        if info.si_pid == child:
            killed = info.si_code in (os.CLD_KILLED, os.CLD_DUMPED)
            code = info.si_status + (128 if killed else 0)


def main(args):
    group = args[0] == "-g"
    wanted = {signal.SIGTERM, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
    child = spawn(args[1:] if group else args)
    while True:
        got = signal.sigwaitinfo(wanted)
        if got.si_signo == signal.SIGTERM:
            try:
                os.kill(-child if group else child, signal.SIGTERM)
            except ProcessLookupError:
                pass
        code = reap(child)
        if code is not None:
            return code


sys.exit(main(sys.argv[1:]))
