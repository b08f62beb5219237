"""The same with subprocess, and a look every fiftieth of a second in place of signals."""

import json
import os
import pwd
import signal
import subprocess
import sys
import time

stop = False


def ask(number, frame):
    global stop
    stop = True


signal.signal(signal.SIGTERM, ask)


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
        )
    except OSError as error:
        print(f"cannot run {one['command'][0]}: {error}", file=sys.stderr)
        tell("exit", one["name"], code=127)
        continue
    mine[child.pid] = (one["name"], child)  # a Popen that nobody keeps would wait for its child itself
    tell("start", one["name"], pid=child.pid)

told = False
while mine or not stop:
    if stop and not told:
        told = True
        for pid in mine:
            os.killpg(pid, signal.SIGTERM)
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        pid = 0
    if pid == 0:
        time.sleep(0.02)
    elif pid in mine:
        name, _ = mine.pop(pid)
        code = os.waitstatus_to_exitcode(status)
        tell("exit", name, pid=pid, **({"code": code} if code >= 0 else {"signal": -code}))
sys.exit(0)
