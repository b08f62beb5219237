"""A supervisor that can be PID 1: supervisor.py MANIFEST.json

One loop sleeps until something happens: a child has ended, a signal, a line to log, a time that has come.
Nothing in it waits for one service, so no service can hold up another.
"""

import functools
import heapq
import itertools
import json
import os
import pwd
import select
import selectors
import signal
import socket
import sys
import time
import traceback
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter

LOGS = "/var/log/lab"
AGAIN = 0.1  # seconds between two probes
PATIENCE = 2.0  # seconds for one probe
CHUNK = 16384  # bytes taken from one service's log at a time: then it is the others' turn
STARTS, WITHIN = 5, 1.0  # a service is started so often within so many seconds, at most
NOWHERE = os.open("/dev/null", os.O_RDWR)
CONSOLE = os.dup(2)  # in a child, 2 becomes a log


def say(text):
    """Tell the console; left out where it is full or gone, as PID 1 must wait for nobody and outlive all."""
    with suppress(OSError):
        if select.select([], [CONSOLE], [], 0)[1]:  # that is room for PIPE_BUF bytes (pipe(7)), no more
            os.write(CONSOLE, f"supervisor: {text}".encode()[: select.PIPE_BUF - 1] + b"\n")


class Service:
    """One service of the manifest, and what has become of it.

    It is `waiting` for what it depends on, `starting` (it runs and is not ready), `up` (ready; a oneshot:
    done), `delayed` until its restart, `stopping`, or `down`: nobody starts it any more.
    """

    def __init__(self, spec):
        self.name = spec["name"]
        self.kind = spec.get("kind", "longrun")
        self.command = spec.get("command", [])
        self.down = spec.get("down", [])
        self.env = spec.get("env", {})
        self.user, self.cwd = spec.get("user"), spec.get("cwd")
        self.depends_on = spec.get("depends_on", [])
        self.readiness = spec.get("readiness")
        restart = spec.get("restart", {})
        self.policy = restart.get("policy", "always")
        self.delay, self.factor = restart.get("delay", 0.1), restart.get("factor", 1.0)
        self.max_delay = max(restart.get("max_delay", 30.0), self.delay)
        self.stop_signal = getattr(signal, "SIG" + spec.get("stop_signal", "TERM"))
        self.stop_grace = spec.get("stop_grace", 5.0)
        self.log = Log(self.name, **spec.get("log", {}))
        self.needs, self.needed_by = [], []
        self.state = "waiting"
        self.pid = self.notify = None
        self.starts, self.wait = [], None  # when it was started; how long the last restart was held back


def load(path):
    """The services of a manifest, by name. Raises ValueError for what cannot be run."""
    with open(path) as file:
        specs = json.load(file)["services"]
    names = [spec["name"] for spec in specs]
    if len(set(names)) < len(names):
        raise ValueError(f"two services are called {max(names, key=names.count)}")
    services = {spec["name"]: Service(spec) for spec in specs}
    for service in services.values():
        for name in service.depends_on:
            if name not in services:
                raise ValueError(f"{service.name} depends on {name}, and there is no such service")
            service.needs.append(services[name])
            services[name].needed_by.append(service)
    try:
        TopologicalSorter({service.name: service.depends_on for service in services.values()}).prepare()
    except CycleError as error:  # its path goes from what is needed to who needs it
        raise ValueError("cycle: " + " -> ".join(reversed(error.args[1]))) from None
    return services


class Log:
    """A file of at most `max_bytes` and `keep` older ones, of whole lines. What finds no room is counted."""

    def __init__(self, name, max_bytes=1_000_000, keep=5, timestamps=True):
        self.folder = f"{LOGS}/{name}"
        self.max_bytes, self.keep, self.timestamps = max_bytes, keep, timestamps
        self.file = None
        self.size = self.lost = 0
        self.rest = b""  # a line that has no end yet
        self.read, self.write = os.pipe()  # one for all the service's lives: what it said last is not lost
        os.set_blocking(self.read, False)

    def drain(self, *_):
        """Take what the service has written, at most CHUNK bytes."""
        with suppress(BlockingIOError):
            *lines, self.rest = (self.rest + os.read(self.read, CHUNK)).split(b"\n")
            self.keep_lines(lines)
            if len(self.rest) >= CHUNK:
                self.flush()

    def flush(self):
        """Keep a line that has no end, too."""
        lines, self.rest = [self.rest] if self.rest else [], b""
        self.keep_lines(lines)

    def keep_lines(self, lines):
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ ", time.gmtime()).encode() if self.timestamps else b""
        room = max(1, self.max_bytes - len(stamp) - 1)  # a line that no file can hold fills several
        for line in (whole[n : n + room] for whole in lines for n in range(0, len(whole) or 1, room)):
            try:
                if self.lost:
                    self.append(b"supervisor: %d lines were lost\n" % self.lost)
                    self.lost = 0
                self.append(stamp + line + b"\n")
            except OSError:  # a full disk, mostly
                self.lost += 1

    def append(self, text):
        if self.size and self.size + len(text) > self.max_bytes:
            self.rotate()
        if self.file is None:
            os.makedirs(self.folder, exist_ok=True)
            self.file = os.open(f"{self.folder}/current", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            self.size = os.fstat(self.file).st_size
        self.size += os.write(self.file, text)

    def rotate(self):
        """current becomes current.1, that becomes current.2, and so on; the last one is written over."""
        names = [f"{self.folder}/current", *(f"{self.folder}/current.{n}" for n in range(1, self.keep + 1))]
        for old, new in reversed(list(itertools.pairwise(names))):
            if os.path.exists(old):
                os.rename(old, new)
        os.close(self.file)
        self.file, self.size = None, 0


def spawn(do, *args, output, notify=None):
    """A child in a session of its own that calls `do`: its PID. Raises OSError when there can be none."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            become(do, args, output, notify)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
    return pid


def become(do, args, output, notify):
    """In the child: put off what is ours; `do` then becomes a command, or returns a status."""
    try:
        os.setsid()
        # A handler goes with exec, but what is ignored stays ignored, and Python ignores SIGPIPE (execve(2)).
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
        os.dup2(NOWHERE, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        if notify is not None:
            os.dup2(*notify)
            os.set_inheritable(notify[1], True)  # dup2(2) does nothing where the two are the same
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        os._exit(do(*args))
    finally:
        os._exit(127)


def execute(service, command):
    """In the child: become the command, as the service's user."""
    try:
        env = {**os.environ, **service.env}
        if service.readiness is not None and service.readiness["kind"] == "fd":
            env["NOTIFY_FD"] = str(service.readiness.get("fd", 3))
        if service.user is not None:
            account = pwd.getpwnam(service.user)
            os.initgroups(service.user, account.pw_gid)
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)
        os.chdir(service.cwd or "/")
        os.execvpe(command[0], command, env)
    except (OSError, KeyError) as error:
        say(f"{service.name} cannot be started: {command[0]}: {error}")
    return 127


def ask(service):
    """In the child: the service's probe. 0 when it is ready."""
    probe = service.readiness
    if probe["kind"] == "exec":
        return execute(service, probe["command"])
    try:
        with socket.create_connection(("127.0.0.1", probe["port"]), PATIENCE) as peer:
            if probe["kind"] == "tcp":
                return 0
            peer.sendall(f"GET {probe.get('path', '/')} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            status = peer.makefile("rb").readline(256).split()[1]
            return 0 if status[:1] in (b"2", b"3") else 1
    except (OSError, IndexError):
        return 1


def send(pid, number):
    """Signal the group of a child that is not reaped yet."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:  # it has not come to setsid yet: it gets the signal when it unblocks all
        os.kill(pid, number)


class Supervisor:
    """All services, and the loop they are looked after in."""

    def __init__(self, services):
        self.services = services
        self.children = {}  # PID → what to call with the status when it has ended
        self.times = []  # a heap of (when, number, call, arguments)
        self.numbers = itertools.count()
        self.stopping = False
        self.selector = selectors.DefaultSelector()

    def run(self):
        """Until everything has been stopped: the exit code."""
        self.listen()
        for service in self.services.values():
            self.selector.register(service.log.read, selectors.EVENT_READ, service.log.drain)
        self.safely(self.advance)
        while not self.stopping or any(service.state != "down" for service in self.services.values()):
            sleep = max(0.0, self.times[0][0] - time.monotonic()) if self.times else None
            for key, _ in self.selector.select(sleep):
                self.safely(key.data, key.fileobj)
            while self.times and self.times[0][0] <= time.monotonic():
                _, _, call, args = heapq.heappop(self.times)
                self.safely(call, *args)
            self.safely(self.advance)
        return 0

    def safely(self, call, *args):
        """What goes wrong for one service must not end the supervision of all: PID 1 goes on."""
        try:
            call(*args)
        except Exception:
            say(f"our own mistake: {traceback.format_exc()}")

    def after(self, seconds, call, *args):
        """Call later; the loop sleeps no longer than until then."""
        heapq.heappush(self.times, (time.monotonic() + seconds, next(self.numbers), call, args))

    def listen(self):
        """Let signals wake the loop: Python's C handler writes a byte to a pipe that the loop looks at."""
        wake, write = os.pipe()
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.ask_to_stop)
        self.selector.register(wake, selectors.EVENT_READ, self.woken)

    def ask_to_stop(self, *_):
        self.stopping = True  # no more than a flag: the work is done in the loop

    def woken(self, wake):
        os.read(wake, 4096)
        self.reap()

    def reap(self):
        """Every child that has ended, ours or adopted: SIGCHLD does not count them."""
        while True:
            try:  # Look first: as long as it is not reaped, its number belongs to it and to its group alone.
                dead = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if dead is None:
                return
            told = self.children.pop(dead.si_pid, None)
            if told is not None:
                send(dead.si_pid, signal.SIGKILL)  # what it leaves behind would stand in its successor's way
            status = os.waitstatus_to_exitcode(os.waitpid(dead.si_pid, 0)[1])
            if told is not None:
                self.safely(told, status)

    def advance(self):
        """Start what may start; when stopping, stop what may stop. Again until nothing changes."""
        moved = True
        while moved:
            moved = False
            for service in self.services.values():
                if self.stopping:
                    over = service.state in ("stopping", "down")
                    if not over and all(other.state == "down" for other in service.needed_by):
                        self.stop(service)
                        moved = True
                elif service.state == "waiting" and all(need.state == "up" for need in service.needs):
                    self.start(service)
                    moved = True

    def start(self, service):
        """Start a service whose dependencies are up."""
        if service.state not in ("waiting", "delayed"):
            return
        if service.kind == "bundle":
            service.state = "up"
            return
        now = time.monotonic()
        service.starts = [when for when in service.starts if when > now - WITHIN]
        if len(service.starts) >= STARTS:
            service.state = "down"
            say(f"{service.name} was started {STARTS} times within {WITHIN:g} s: given up")
            return
        service.starts.append(now)
        service.state = "starting"
        kind = service.readiness["kind"] if service.readiness and service.kind == "longrun" else None
        write = told = None
        try:
            if kind == "fd":
                service.notify, write = os.pipe()
                hear = functools.partial(self.notified, service)
                self.selector.register(service.notify, selectors.EVENT_READ, hear)
                told = (write, service.readiness.get("fd", 3))
            service.pid = spawn(execute, service, service.command, output=service.log.write, notify=told)
        except OSError as error:
            say(f"{service.name} cannot be started: {error}")
            self.ended(service, 127)
            service.starts.pop()  # there was no room for it: that is no start, and the next may have room
            return
        finally:
            if write is not None:
                os.close(write)
        say(f"{service.name} started as {service.pid}")
        self.children[service.pid] = lambda status: self.ended(service, status)
        if kind is not None:
            self.after(service.readiness.get("timeout", 15.0), self.late, service, now)
        elif service.kind == "longrun":
            self.ready(service)
        if kind in ("tcp", "http", "exec"):
            self.ask(service, now)

    def notified(self, service, fd):
        """It wrote to its notification pipe, or closed it: a newline means ready."""
        if fd != service.notify:
            return  # its end was seen in this very round
        said = os.read(fd, 4096)
        if b"\n" in said and service.state == "starting":
            self.ready(service)
        if b"\n" in said or not said:
            self.forget(service)

    def forget(self, service):
        if service.notify is not None:
            self.selector.unregister(service.notify)
            os.close(service.notify)
            service.notify = None

    def ask(self, service, started):
        """One probe, in a child of its own: what hangs there hangs there."""
        if not self.starts_still(service, started):
            return
        try:
            pid = spawn(ask, service, output=NOWHERE)
        except OSError:  # no room for one more process (fork(2)): later, perhaps
            self.after(AGAIN, self.ask, service, started)
            return
        told = self.children[pid] = lambda status: self.answered(service, started, status)
        self.after(PATIENCE, self.cut, pid, told)

    def starts_still(self, service, started):
        """Whether it is not ready yet, and still in the life that began then."""
        return service.state == "starting" and service.starts[-1] == started

    def cut(self, pid, told):
        """End a child that takes too long, if it is still the same one."""
        if self.children.get(pid) is told:
            send(pid, signal.SIGKILL)

    def answered(self, service, started, status):
        if self.starts_still(service, started):
            if status == 0:
                self.ready(service)
            else:
                self.after(AGAIN, self.ask, service, started)

    def late(self, service, started):
        if self.starts_still(service, started):
            say(f"{service.name} is not ready after {service.readiness.get('timeout', 15.0)} s")

    def ready(self, service):
        service.state = "up"
        say(f"{service.name} is ready")

    def ended(self, service, status):
        """Report how it ended: a status, or a signal (negative). Then what its restart policy says."""
        say(f"{service.name} {f'exited {status}' if status >= 0 else f'killed by signal {-status}'}")
        self.forget(service)
        for _ in range(65536 // CHUNK):  # what a pipe holds (pipe(7)), and no more: somebody may go on
            service.log.drain()
        service.log.flush()
        service.pid = None
        on_purpose = service.policy == "never" or (service.policy == "on-failure" and status == 0)
        if service.kind == "oneshot" and not self.stopping:
            service.state = "up" if status == 0 else "down"
        elif self.stopping or on_purpose:
            service.state = "down"
        else:
            calm = time.monotonic() - service.starts[-1] >= service.max_delay
            first = service.wait is None or calm
            service.wait = service.delay if first else min(service.wait * service.factor, service.max_delay)
            service.state = "delayed"
            self.after(service.wait, self.start, service)

    def stop(self, service):
        """Stop a service that nothing depends on any more."""
        if service.pid is not None:
            send(service.pid, service.stop_signal)
            send(service.pid, signal.SIGCONT)  # a stopped process takes no other signal until it is continued
        elif service.kind == "oneshot" and service.state == "up" and service.down:
            try:
                service.pid = spawn(execute, service, service.down, output=service.log.write)
                self.children[service.pid] = lambda status: self.ended(service, status)
            except OSError as error:
                say(f"{service.name} cannot be undone: {error}")
        if service.pid is None:
            service.state = "down"
            return
        service.state = "stopping"
        self.after(service.stop_grace, self.cut, service.pid, self.children[service.pid])


def main(args):
    if len(args) != 1:
        say("usage: supervisor.py MANIFEST.json")
        return 2
    try:
        services = load(args[0])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        say(f"{args[0]}: {type(error).__name__}: {error}")
        return 1
    return Supervisor(services).run()


sys.exit(main(sys.argv[1:]))
