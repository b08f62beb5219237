"""The same with asyncio: a task for each service, which waits for the futures of what it needs, and on the way
back for the tasks of what needs it."""

import asyncio
import json
import os
import pwd
import signal
import sys
import time
from contextlib import suppress

CLEAN = set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}
RESTART = {"policy": "always", "delay": 0.1, "factor": 1.0, "max_delay": 30.0}


def tell(event, name, **more):
    print(json.dumps({"event": event, "service": name, **more}), flush=True)


def complain(text):
    print(text, file=sys.stderr, flush=True)
    return 1


def spawn(spec, command):
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
        os.execvpe(command[0], command, {**os.environ, **spec.get("env", {})})
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def ring(needs):
    """A way from a name back to itself, or nothing. Names without needs left are taken out until none is."""
    left = {name: set(wanted) for name, wanted in needs.items()}
    while free := [name for name, wanted in left.items() if not wanted & left.keys()]:
        for name in free:
            del left[name]
    way = [next(iter(left))] if left else []
    while way and way[-1] not in way[:-1]:
        way.append(next(name for name in left[way[-1]] if name in left))
    return way[way.index(way[-1]) :] if way else []


class Machine:
    def __init__(self, specs):
        self.specs = {spec["name"]: spec for spec in specs}
        self.ready = {name: asyncio.Event() for name in self.specs}
        self.stopping = asyncio.Event()
        self.ends = {}  # PID → future of its status
        self.tasks = {}

    def look(self):
        with suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                if found[0] in self.ends:
                    self.ends.pop(found[0]).set_result(os.waitstatus_to_exitcode(found[1]))

    async def run(self):
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGCHLD, self.look)
        loop.add_signal_handler(signal.SIGTERM, self.stopping.set)
        self.tasks = {name: loop.create_task(self.look_after(spec)) for name, spec in self.specs.items()}
        await asyncio.gather(self.stopping.wait(), *self.tasks.values())
        return 0

    def above(self, name):
        """The tasks of what depends on it."""
        return [self.tasks[other] for other, spec in self.specs.items() if name in spec.get("depends_on", ())]

    async def all_ready(self, names):
        """Until all are at the same time: one that was may be gone when the last one comes."""
        while not all(self.ready[name].is_set() for name in names):
            await asyncio.gather(*(self.ready[name].wait() for name in names))

    async def may_stop(self, name):
        await self.stopping.wait()
        await asyncio.gather(*self.above(name))

    async def once(self, spec, command, may_stop):
        """One process from its start to its end: the status."""
        name = spec["name"]
        pid = spawn(spec, command)
        end = self.ends[pid] = asyncio.get_running_loop().create_future()
        tell("start", name, pid=pid)
        if spec.get("kind", "longrun") == "longrun":
            self.ready[name].set()
            tell("ready", name)
        if may_stop is not None:
            await asyncio.wait([end, may_stop], return_when="FIRST_COMPLETED")
            if not end.done():
                os.killpg(pid, getattr(signal, "SIG" + spec.get("stop_signal", "TERM")))
        if not end.done():
            await asyncio.wait([end], timeout=spec.get("stop_grace", 5.0))
        if not end.done():
            os.killpg(pid, signal.SIGKILL)
        code = await end
        tell("exit", name, pid=pid, **({"signal": -code} if code < 0 else {"code": code}))
        return code

    async def look_after(self, spec):
        name, kind = spec["name"], spec.get("kind", "longrun")
        may_stop = asyncio.ensure_future(self.may_stop(name))
        needs = asyncio.ensure_future(self.all_ready(spec.get("depends_on", ())))
        await asyncio.wait(
            [needs, asyncio.ensure_future(self.stopping.wait())], return_when="FIRST_COMPLETED"
        )
        if self.stopping.is_set():
            needs.cancel()
        elif kind == "bundle":
            self.ready[name].set()
            tell("ready", name)
        elif kind == "oneshot":
            code = await self.once(spec, spec["command"], may_stop)
            if code == 0:
                self.ready[name].set()
                tell("ready", name)
            else:
                tell("down", name, reason="failed")
            await may_stop
            if code == 0 and spec.get("down"):
                await self.once(spec, spec["down"], None)
        else:
            await self.again_and_again(spec, may_stop)
        await may_stop

    async def again_and_again(self, spec, may_stop):
        name, how = spec["name"], {**RESTART, **spec.get("restart", {})}
        wait, starts = None, []
        while not self.stopping.is_set():
            starts = [when for when in starts if time.monotonic() - when < 1.0]
            if len(starts) == 5:
                return tell("down", name, reason="limit")
            starts.append(time.monotonic())
            code = await self.once(spec, spec["command"], may_stop)
            self.ready[name].clear()
            if self.stopping.is_set():
                return None
            if how["policy"] == "never" or (how["policy"] == "on-failure" and code == 0):
                return tell("down", name, reason="policy")
            long = time.monotonic() - starts[-1] >= how["max_delay"]
            wait = min(how["delay"] if wait is None or long else wait * how["factor"], how["max_delay"])
            tell("restart", name, delay=round(wait, 6))
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), wait)
        return None


async def main(path):
    with open(path) as file:
        specs = json.load(file)["services"]
    names = [spec["name"] for spec in specs]
    for name in names:
        if names.count(name) > 1:
            return complain(f"{name} is there twice")
    for spec in specs:
        for need in spec.get("depends_on", ()):
            if need not in names:
                return complain(f"{spec['name']} needs {need}, which nobody is")
    if way := ring({spec["name"]: spec.get("depends_on", ()) for spec in specs}):
        return complain("a ring: " + " needs ".join(way))
    return await Machine(specs).run()


sys.exit(asyncio.run(main(sys.argv[1])))
