"""The same with asyncio: a task for each service, a task for each log, probes as coroutines where they ask a port."""

import asyncio
import json
import os
import select
import signal
import sys
import time
from contextlib import suppress

CLEAN = set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}
RESTART = {"policy": "always", "delay": 0.1, "factor": 1.0, "max_delay": 30.0}


def say(fd, text):
    if select.select([], [fd], [], 0)[1]:
        os.write(fd, text.encode() + b"\n")


def tell(event, name, **more):
    say(1, json.dumps({"event": event, "service": name, **more}))


def complain(text):
    say(2, text)
    return 1


class Log:
    """Whole lines, from a pipe into files."""

    def __init__(self, spec):
        how = {"max_bytes": 1_000_000, "keep": 5, "timestamps": True, **spec.get("log", {})}
        self.most, self.keep, self.stamps = how["max_bytes"], how["keep"], how["timestamps"]
        self.path = f"/var/log/lab/{spec['name']}/current"
        self.file, self.rest = None, bytearray()
        self.out, self.into = os.pipe()
        os.set_blocking(self.out, False)
        asyncio.get_running_loop().add_reader(self.out, self.take)

    def take(self):
        with suppress(BlockingIOError):
            self.rest += os.read(self.out, 8192)
            while (end := self.rest.find(b"\n")) >= 0:
                self.put(bytes(self.rest[:end]))
                del self.rest[: end + 1]
            if len(self.rest) >= 16384:
                self.finish()
            return True
        return False

    def finish(self):
        if self.rest:
            self.put(bytes(self.rest))
            self.rest.clear()

    def put(self, line):
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ ", time.gmtime()).encode() if self.stamps else b""
        while len(now + line) >= self.most:
            cut = self.most - len(now) - 1
            self.write(now, line[:cut])
            line = line[cut:]
        self.write(now, line)

    def write(self, now, line):
        with suppress(OSError):
            if self.file is not None and self.file.tell() + len(now + line) + 1 > self.most:
                self.file.close()
                for n in range(self.keep, 0, -1):
                    old = f"{self.path}.{n - 1}" if n > 1 else self.path
                    if os.path.exists(old):
                        os.replace(old, f"{self.path}.{n}")
                self.file = None
            if self.file is None:
                os.makedirs(os.path.dirname(self.path), exist_ok=True)
                self.file = open(self.path, "ab", buffering=0)
            self.file.write(now + line + b"\n")


def spawn(spec, command, log, notify=None):
    pid = os.fork()
    if pid:
        return pid
    try:
        console = os.dup(2)
        os.setsid()
        if log is not None:
            os.dup2(log.into, 1)
            os.dup2(log.into, 2)
        env = {**os.environ, **spec.get("env", {})}
        if notify is not None:
            number = spec["readiness"].get("fd", 3)
            env["NOTIFY_FD"] = str(number)
            os.dup2(os.dup(notify), number)
            os.set_inheritable(number, True)
        for number in CLEAN:
            signal.signal(number, signal.SIG_DFL)
        os.chdir(spec.get("cwd") or "/")
        os.execvpe(command[0], command, env)
    except OSError as error:
        os.write(console, f"{command[0]}: {error.strerror}\n".encode())
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
        self.logs = {name: Log(spec) for name, spec in self.specs.items()}

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

    async def may_stop(self, name):
        await self.stopping.wait()
        await asyncio.gather(*self.above(name))

    async def asked(self, spec):
        """Until a probe says yes."""
        probe = spec["readiness"]
        while True:
            with suppress(OSError, TimeoutError, IndexError):
                if await asyncio.wait_for(self.probe(spec, probe), 2):
                    return
            await asyncio.sleep(0.1)

    async def probe(self, spec, probe):
        if probe["kind"] == "exec":
            pid = spawn(spec, probe["command"], None)
            end = self.ends[pid] = asyncio.get_running_loop().create_future()
            try:
                return await asyncio.shield(end) == 0
            finally:
                if not end.done():
                    os.kill(pid, signal.SIGKILL)
        reader, writer = await asyncio.open_connection("127.0.0.1", probe["port"])
        try:
            if probe["kind"] == "tcp":
                return True
            writer.write(f"GET {probe.get('path', '/')} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            return (await reader.readline()).split()[1][:1] in (b"2", b"3")
        finally:
            writer.close()

    async def heard(self, fd):
        """Until a newline comes through a pipe; for ever where it is closed without one."""
        loop, newline = asyncio.get_running_loop(), asyncio.Event()

        def look():
            said = os.read(fd, 4096)
            if b"\n" in said:
                newline.set()
            if not said:
                loop.remove_reader(fd)

        loop.add_reader(fd, look)
        try:
            await newline.wait()
        finally:
            loop.remove_reader(fd)
            os.close(fd)

    async def wait_ready(self, spec, coroutine):
        name = spec["name"]
        task = asyncio.ensure_future(coroutine)
        try:
            done, _ = await asyncio.wait([task], timeout=spec["readiness"].get("timeout", 15.0))
            if not done:
                tell("late", name)
            await task
            self.ready[name].set()
            tell("ready", name)
        finally:
            task.cancel()

    async def once(self, spec, command, may_stop):
        """One process from its start to its end: the status."""
        name, probe = spec["name"], spec.get("readiness")
        watched = probe is not None and spec.get("kind", "longrun") == "longrun"
        ours = theirs = wait = None
        if watched and probe["kind"] == "fd":
            ours, theirs = os.pipe()
        pid = spawn(spec, command, self.logs[name], theirs)
        if theirs is not None:
            os.close(theirs)
        end = self.ends[pid] = asyncio.get_running_loop().create_future()
        tell("start", name, pid=pid)
        if watched:
            how = self.asked(spec) if ours is None else self.heard(ours)
            wait = asyncio.ensure_future(self.wait_ready(spec, how))
        elif spec.get("kind", "longrun") == "longrun":
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
        if wait is not None:
            wait.cancel()
        while self.logs[name].take():
            pass
        self.logs[name].finish()
        tell("exit", name, pid=pid, **({"signal": -code} if code < 0 else {"code": code}))
        return code

    async def look_after(self, spec):
        name, kind = spec["name"], spec.get("kind", "longrun")
        may_stop = asyncio.ensure_future(self.may_stop(name))
        needs = asyncio.gather(*(self.ready[need].wait() for need in spec.get("depends_on", ())))
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
