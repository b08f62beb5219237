"""The same with subprocess and sigwait; a helper of its own keeps it company, as a logger might."""

import json
import os
import pwd
import signal
import subprocess
import sys

SIGNALS = {signal.SIGCHLD, signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def tell(event, name, **more):
    sys.stdout.write(json.dumps({"service": name, "event": event, **more}) + "\n")
    sys.stdout.flush()


with open(sys.argv[1]) as file:
    services = json.load(file)["services"]


def owner(user):
    if user is None:
        return {}
    gid = pwd.getpwnam(user).pw_gid
    return {"user": user, "group": gid, "extra_groups": os.getgrouplist(user, gid)}


mine = {}
for one in services:
    try:
        child = subprocess.Popen(
            one["command"],
            env=os.environ | one.get("env", {}),
            cwd=one.get("cwd", "/"),
            **owner(one.get("user")),
            start_new_session=True,
            preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, []),
        )
    except OSError as error:
        print(f"cannot run {one['command'][0]}: {error}", file=sys.stderr)
        tell("exit", one["name"], code=127)
        continue
    mine[child.pid] = (one["name"], child)  # a Popen that nobody keeps would wait for its child itself
    tell("start", one["name"], pid=child.pid)

helper = os.fork()
if helper == 0:
    signal.sigwait({signal.SIGTERM})
    os._exit(0)

stop = False
while mine or not stop:
    if signal.sigwait(SIGNALS) == signal.SIGTERM and not stop:
        stop = True
        for pid in mine:
            os.killpg(pid, signal.SIGTERM)
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if pid == 0:
            break
        if pid in mine:
            name, _ = mine.pop(pid)
            code = os.waitstatus_to_exitcode(status)
            tell("exit", name, pid=pid, **({"code": code} if code >= 0 else {"signal": -code}))
sys.exit(0)
