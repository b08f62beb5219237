"""One sandbox as the keeper sees it: a bwrap process, a disk, cgroups, forwarded ports."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import socket
import time
import tty
from collections.abc import Callable
from typing import Any

from helpers.engines.keeper.cgroups import Cgroups, create, remove
from helpers.engines.keeper.disk import Disk
from helpers.engines.keeper.forward import Forwarder

__all__ = ["Box", "StartError", "exec_problem"]

CONSOLE_LIMIT = 8 * 1024 * 1024
_START_DEADLINE = 10.0


class StartError(Exception):
    """PID 1 could not be started; `hint` says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Box:
    """A sandbox in `folder`. `ended(box, code)` is called once when its PID 1 has ended."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        folder: str,
        request: dict[str, Any],
        ended: Callable[[Box, int], None],
    ) -> None:
        self.name = os.path.basename(folder)
        self._selector = selector
        self._folder = folder
        self._request = request
        self._notify = ended
        self._disk: Disk | None = None
        self._cgroups = Cgroups()
        self._forwarder: Forwarder | None = None
        self._bwrap = 0
        self._bwrap_fd = -1
        self._pid1 = 0
        self._pid1_fd = -1
        self._console = -1
        self._console_file = -1
        self._terminal = -1
        self._code: int | None = None
        self._guests: set[int] = set()
        self._executed = 0.0
        os.mkdir(folder, 0o700)

    def describe(self) -> dict[str, Any]:
        """What the owner needs to know of a started sandbox."""
        return {
            "pid1": self._pid1,
            "cgroups": self._cgroups.paths,
            "guests": self._cgroups.guests(),
            "cgroup_version": self._cgroups.version,
            "limits_missing": self._cgroups.missing,
            "console": f"{self._folder}/console.log",
            "code": self._code,
            "executed": self._executed,
        }

    def start(self, listeners: list[socket.socket]) -> None:
        """Make everything and wait until PID 1 has been executed. Raises StartError or OSError."""
        request = self._request
        self._disk = Disk(f"{self._folder}/disk", request["rootfs"], request["disk"])
        self._disk.lay(request["tree"])
        self._cgroups = self._make_cgroups()
        self._write_record()
        self._spawn()
        self._await_exec()
        if self._code is None and listeners:
            self._forwarder = Forwarder(self._selector, self._pid1)
            for listener, port in zip(listeners, request["ports"], strict=True):
                self._forwarder.listen(listener, port)
        self._write_record()

    def _make_cgroups(self) -> Cgroups:
        request = self._request
        name, divide = f"initlab.{self.name}", request["divide"]
        try:
            return create(name, request["memory"], request["pids"], divide=divide)
        except OSError as error:
            if not divide:
                raise
            raise StartError(
                f"{request['pid1']} needs a cgroup of its own, and none can be made: {error.strerror}: "
                f"{error.filename}",
                "run as root, or: systemd-run --user --scope -p Delegate=yes initlab open",
            ) from None

    def _write_record(self) -> None:
        """A file others read: a sweep, should we be killed, and a terminal that wants in."""
        folders = self._cgroups.folders()
        pid1, groups = str(self._pid1), " ".join(self._cgroups.guests())
        shell = [w.replace("{pid1}", pid1).replace("{cgroups}", groups) for w in self._request["shell"]]
        title, owner = self._request["title"], self._request["owner"]
        record = {"pid1": self._pid1, "cgroups": folders, "title": title, "owner": owner, "shell": shell}
        path = f"{self._folder}/sandbox.json"
        with open(path + ".new", "w") as file:
            json.dump(record, file)
        os.replace(path + ".new", path)

    def _spawn(self) -> None:
        assert self._disk is not None  # noqa: S101 - narrows the type; start() made it
        info_read, info_write = os.pipe()
        self._console, console_write = _terminal() if self._request["terminal"] else os.pipe()
        console = f"{self._folder}/console.log"
        self._console_file = os.open(console, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        put = {"{upper}": self._disk.upper, "{work}": self._disk.work, "{info}": str(info_write)}
        put["{cgroup}"] = self._cgroups.divided
        argv = [put.get(word, word) for word in self._request["bwrap"]]
        pid = os.fork()
        if pid == 0:
            self._become(argv, console_write, info_write)
        self._bwrap = pid
        self._bwrap_fd = os.pidfd_open(pid)
        os.close(info_write)
        if self._request["terminal"]:
            self._terminal = console_write  # or reading would fail whenever PID 1 has closed its own
        else:
            os.close(console_write)
        os.set_blocking(self._console, False)
        self._selector.register(self._console, selectors.EVENT_READ, lambda _mask: self._copy_console())
        self._selector.register(self._bwrap_fd, selectors.EVENT_READ, lambda _mask: self._reap())
        with os.fdopen(info_read, "rb") as info:
            text = info.read()  # ends when bwrap has written it and closed its side, or has died
        if text:
            self._pid1 = json.loads(text)["child-pid"]
            self._cgroups.move_out(pid)  # bwrap itself; PID 1 has its cgroup namespace by now
            # bwrap is still its parent and has not reaped it, so the number cannot be another's yet.
            with contextlib.suppress(ProcessLookupError):
                self._pid1_fd = os.pidfd_open(self._pid1)

    def _become(self, argv: list[str], console: int, info: int) -> None:
        """In the child: join the cgroups and become bwrap. Never returns."""
        try:
            # Whoever ran us may ignore or block some, a shell with `&` or nohup(1): execve(2) hands that on.
            for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            self._cgroups.join()
            null = os.open("/dev/null", os.O_RDONLY)
            os.dup2(null, 0)
            os.dup2(console, 1)
            os.dup2(console, 2)
            os.set_inheritable(info, True)
            os.execve(argv[0], argv, self._request["env"])  # noqa: S606 - no shell wanted
        except BaseException as error:
            os.write(2, f"initlab: cannot start bwrap: {error}\n".encode())
        os._exit(125)

    def _await_exec(self) -> None:
        """Wait until PID 1 is no longer bwrap itself: only then is the sandbox set up."""
        program = self._request["pid1"]
        end = time.monotonic() + _START_DEADLINE
        bwrap = os.stat(self._request["bwrap"][0])
        while True:
            with contextlib.suppress(OSError):
                now = os.stat(f"/proc/{self._pid1}/exe")
                if self._pid1 and (now.st_ino, now.st_dev) != (bwrap.st_ino, bwrap.st_dev):
                    self._executed = time.monotonic()
                    return
            if _readable(self._bwrap_fd):
                break
            if time.monotonic() > end:
                raise StartError(f"PID 1 ({program}) was not executed within {_START_DEADLINE:.0f} s")
            time.sleep(0.0005)
        self._reap()
        said = self._console_text()
        if self._code in (1, 125) and ("bwrap: " in said or "initlab: cannot start" in said):
            raise StartError(*_explain(said, program))

    def _console_text(self) -> str:
        with open(f"{self._folder}/console.log", "rb") as file:
            return file.read(65536).decode(errors="replace")

    def _copy_console(self) -> None:
        """Move what PID 1 wrote to the log; the newest CONSOLE_LIMIT bytes are kept at least."""
        try:
            data = os.read(self._console, 1 << 16)
        except BlockingIOError:
            return
        if not data:
            self._close_console()
            return
        if os.fstat(self._console_file).st_size > CONSOLE_LIMIT:
            path = f"{self._folder}/console.log"
            os.replace(path, path + ".1")
            os.close(self._console_file)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._console_file = os.open(path, flags, 0o600)
        os.write(self._console_file, data)

    def _close_console(self) -> None:
        if self._console >= 0:
            self._selector.unregister(self._console)
            os.close(self._console)
            os.close(self._console_file)
            self._console = -1
        if self._terminal >= 0:
            os.close(self._terminal)
            self._terminal = -1

    def _reap(self) -> None:
        """bwrap has ended, so PID 1 and everything inside has."""
        if self._code is not None:
            return
        _, status = os.waitpid(self._bwrap, 0)
        self._selector.unregister(self._bwrap_fd)
        self._code = os.waitstatus_to_exitcode(status)
        if self._code < 0:
            self._code = 128 - self._code
        while self._console >= 0 and _readable(self._console):
            self._copy_console()
        self._notify(self, self._code)

    @property
    def needs_tending(self) -> bool:
        """Whether `tend` is to be called several times a second."""
        return bool(self._cgroups.divided) and self._code is None

    def tend(self) -> None:
        """Let an nsenter go on that has stopped because its command was stopped, as it does.

        systemd stops every process inside before it ends them. A command is reaped by its nsenter, which
        nobody inside can continue, and PID 1 does not end before all are reaped (pid_namespaces(7)). systemd
        waits for them too, but hears of its own children alone: so it is told when one is gone.
        """
        guests = set(self._cgroups.guest_pids())
        if self._guests - guests:
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(self._pid1_fd, signal.SIGCHLD)
        self._guests = guests
        for pid in guests:
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/stat") as file:
                    name, _, rest = file.read().rpartition(") ")
                if name.endswith("(nsenter") and rest.startswith("T"):
                    os.kill(pid, signal.SIGCONT)

    def destroy(self) -> list[str]:
        """Kill what runs and remove every trace; returns what would not go."""
        if self._bwrap and self._code is None:
            for fd in (self._pid1_fd, self._bwrap_fd):
                if fd >= 0:
                    with contextlib.suppress(ProcessLookupError):
                        signal.pidfd_send_signal(fd, signal.SIGKILL)
            while self.needs_tending and not _readable(self._bwrap_fd, 0.02):
                self.tend()
            self._reap()
        if self._forwarder:
            self._forwarder.close()
        self._close_console()
        for fd in (self._pid1_fd, self._bwrap_fd):
            if fd >= 0:
                os.close(fd)
        left = remove(self._cgroups.folders())
        if self._disk:
            with contextlib.suppress(OSError):
                self._disk.remove()
        shutil.rmtree(self._folder, ignore_errors=True)
        return left + ([self._folder] if os.path.exists(self._folder) else [])


def _terminal() -> tuple[int, int]:
    """A pseudoterminal, ours and PID 1's end, that changes nothing of what is written (pty(7)).

    bwrap makes the terminal it writes to /dev/console.
    """
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    return ours, theirs


def _readable(fd: int, seconds: float = 0) -> bool:
    """Whether `fd` can be read within `seconds`."""
    with selectors.DefaultSelector() as one:
        one.register(fd, selectors.EVENT_READ)
        return bool(one.select(seconds))


def _explain(said: str, program: str) -> tuple[str, str]:
    """bwrap's complaint in the course's words, and the mend."""
    if "execvp" in said:
        return exec_problem(program, said.rsplit(":", 1)[-1].strip())
    return f"the sandbox did not start: {said.strip() or 'bwrap ended without a word'}", "initlab doctor"


def exec_problem(program: str, reason: str) -> tuple[str, str]:
    """Why `program` cannot be PID 1, from the C library's words for execve(2)'s error, and the mend."""
    reason = reason[:1].upper() + reason[1:]
    if "No such file" in reason:
        return (
            f"cannot execute {program} as PID 1: no such file in the sandbox, or the interpreter in its "
            "first line does not exist",
            f"check the path, and the #! line if {program} is a script",
        )
    if "Permission denied" in reason:
        return (
            f"cannot execute {program} as PID 1: it has no run bit (or a folder above it is closed)",
            f"give it mode 0755: chmod +x {program}",
        )
    if "Exec format" in reason:
        return (
            f"cannot execute {program} as PID 1: the kernel does not know its format",
            "a script needs #!/bin/sh (or another interpreter) as its first line",
        )
    return f"cannot execute {program} as PID 1: {reason}", ""
