"""The same with asyncio: each service is a task that starts, waits for the end, sleeps and starts again."""

import asyncio
import json
import os
import pwd
import signal
import sys
import time

CLEAN = set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}


def tell(event, spec, **more):
    print(json.dumps({"event": event, "service": spec["name"], **more}), flush=True)


class Ends:
    """Where tasks wait for the end of their child; orphans end here as well."""

    def __init__(self):
        self.waiting = {}

    def look(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self.waiting:
                self.waiting.pop(pid).set_result(os.waitstatus_to_exitcode(status))


def spawn(spec):
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        for number in CLEAN:
            signal.signal(number, signal.SIG_DFL)
        if user := spec.get("user"):
            account = pwd.getpwnam(user)
            os.initgroups(user, account.pw_gid)
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)
        os.chdir(spec.get("cwd") or "/")
        os.execvpe(spec["command"][0], spec["command"], {**os.environ, **spec.get("env", {})})
    except OSError as error:
        os.write(2, f"{spec['command'][0]}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


async def look_after(spec, ends, stopping):
    how = {"policy": "always", "delay": 0.1, "factor": 1.0, "max_delay": 30.0, **spec.get("restart", {})}
    wait, starts = None, []
    while not stopping.is_set():
        starts = [when for when in starts if time.monotonic() - when < 1.0]
        if len(starts) == 5:
            return tell("down", spec, reason="limit")
        starts.append(time.monotonic())
        pid = spawn(spec)
        end = ends.waiting[pid] = asyncio.get_running_loop().create_future()
        tell("start", spec, pid=pid)
        code = await end
        tell("exit", spec, pid=pid, **({"signal": -code} if code < 0 else {"code": code}))
        if how["policy"] == "never" or (how["policy"] == "on-failure" and code == 0):
            return tell("down", spec, reason="policy")
        if stopping.is_set():
            return None
        if wait is None or time.monotonic() - starts[-1] >= how["max_delay"]:
            wait = how["delay"]
        else:
            wait *= how["factor"]
        wait = min(wait, how["max_delay"])
        tell("restart", spec, delay=round(wait, 6))
        try:
            await asyncio.wait_for(stopping.wait(), wait)
        except TimeoutError:
            continue


def send(pid, number):
    try:
        os.killpg(pid, number)
    except ProcessLookupError:  # before its setsid
        os.kill(pid, number)


async def main(specs):
    loop, ends, stopping = asyncio.get_running_loop(), Ends(), asyncio.Event()

    def stop():
        stopping.set()
        for pid in ends.waiting:
            send(pid, signal.SIGTERM)

    loop.add_signal_handler(signal.SIGCHLD, ends.look)
    loop.add_signal_handler(signal.SIGTERM, stop)
    await asyncio.gather(*(look_after(spec, ends, stopping) for spec in specs), stopping.wait())


with open(sys.argv[1]) as file:
    services = json.load(file)["services"]
asyncio.run(main(services))
