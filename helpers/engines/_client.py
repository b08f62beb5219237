"""The owner's end of the keeper: starting it, asking it, hearing from it."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path
from typing import Any

from helpers.engines.keeper.cgroups import remove as remove_cgroups
from helpers.errors import EngineUnavailable, SandboxError

__all__ = ["KeeperClient", "namespace_command", "records", "run_folder", "sweep_leftovers"]

_ROOT = Path(__file__).resolve().parents[2]  # what the keeper needs on its path to import itself
_ANSWER_DEADLINE = 60.0


def run_folder() -> Path:
    """Where keepers keep their folders: one for each user, mode 0700."""
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    folder = Path(base) / f"initlab-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise SandboxError(f"{folder} belongs to another user", hint="remove it, or set XDG_RUNTIME_DIR")
    return folder


def namespace_command() -> list[str]:
    """The unshare(1) command giving the keeper its own mounts, and an ordinary user a root of their own."""
    unshare = shutil.which("unshare", path="/usr/bin:/bin:/usr/local/bin")
    if unshare is None:
        raise EngineUnavailable("unshare is not installed", hint="apt-get install util-linux")
    command = [unshare, "--mount", "--propagation", "slave"]
    if os.geteuid() != 0:
        command += ["--user", "--map-root-user"]
        if shutil.which("newuidmap") and _has_subordinate_ids():
            command += ["--map-auto"]  # further ids besides root, subuid(5)
    return command


def _has_subordinate_ids() -> bool:
    import pwd

    mine = [f"{os.getuid()}:"]
    with contextlib.suppress(KeyError):  # a user ID without a name, as containers have
        mine.append(f"{pwd.getpwuid(os.getuid()).pw_name}:")
    try:
        tables = [Path(f"/etc/{table}").read_text().splitlines() for table in ("subuid", "subgid")]
    except OSError:
        return False
    return all(any(line.startswith(tuple(mine)) for line in table) for table in tables)


class KeeperClient:
    """One keeper process and the requests to it. Thread-safe. `on_exit(box, code)` hears of ended boxes.

    `isolate` gives the keeper a mount namespace of its own, which starting boxes needs.
    """

    def __init__(
        self,
        on_exit: Callable[[str, int], None],
        on_lost: Callable[[KeeperClient], None],
        *,
        isolate: bool = True,
    ) -> None:
        sweep_leftovers()
        self._owner = os.getpid()
        self._lost = self._closing = False
        self.home, lock = _make_home()
        self._on_exit = on_exit
        self._on_lost = on_lost
        self._ids = itertools.count(1)
        self._waiting: dict[int, Future[dict[str, Any]]] = {}
        self._write_lock = threading.Lock()
        self._sock, theirs = socket.socketpair()
        code = (
            f"import sys; sys.path.insert(0, {str(_ROOT)!r}); "
            "from helpers.engines.keeper.loop import main; main()"
        )
        with theirs:
            command = [
                *(namespace_command() if isolate else []),
                sys.executable, "-I", "-S", "-B", "-c", code,
                str(theirs.fileno()), str(os.getpid()), self.home, str(lock),
            ]  # fmt: skip
            self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the keeper
            self._process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno(), lock],
                stdin=subprocess.DEVNULL,
                stdout=self._stderr,
                stderr=self._stderr,
                start_new_session=True,
                cwd="/",
            )
        os.close(lock)
        threading.Thread(target=self._listen, name="initlab-keeper", daemon=True).start()
        atexit.register(self.close)

    @property
    def alive(self) -> bool:
        """Whether the keeper runs and hears us."""
        return not self._lost and self._process.poll() is None

    def ask(self, do: str, sockets: list[socket.socket] | None = None, **request: Any) -> dict[str, Any]:
        """Send a request and wait for the answer. Raises SandboxError with what the keeper says."""
        number = next(self._ids)
        future: Future[dict[str, Any]] = Future()
        self._waiting[number] = future
        data = json.dumps({"id": number, "do": do, **request}).encode()
        data = len(data).to_bytes(4, "big") + data
        fds = [sock.fileno() for sock in sockets or []]
        try:
            with self._write_lock:
                sent = socket.send_fds(self._sock, [data], fds)
                self._sock.sendall(data[sent:])
            answer = future.result(_ANSWER_DEADLINE)
        except OSError as error:
            raise SandboxError(
                f"the keeper has ended: {self._last_words() or error}", hint="initlab doctor"
            ) from None
        except FutureTimeout:
            raise SandboxError(f"the keeper did not answer {do!r} in {_ANSWER_DEADLINE:.0f} s") from None
        finally:
            self._waiting.pop(number, None)
        if "error" in answer:
            raise SandboxError(answer["error"], hint=answer.get("hint", ""))
        return answer

    def _last_words(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def _listen(self) -> None:
        received = bytearray()
        while True:
            try:
                data = self._sock.recv(1 << 16)
            except OSError:
                data = b""
            if not data:
                break
            received += data
            while len(received) >= 4:
                length = int.from_bytes(received[:4], "big")
                if len(received) < 4 + length:
                    break
                self._dispatch(json.loads(received[4 : 4 + length]))
                del received[: 4 + length]
        self._lost = True
        for future in list(self._waiting.values()):
            if not future.done():
                future.set_exception(ConnectionError("connection lost"))
        self._on_lost(self)
        if not self._closing:  # it was killed: remove now what it could not
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_ANSWER_DEADLINE)  # its lock is free only when all of it is gone
            sweep_leftovers()

    def _dispatch(self, message: dict[str, Any]) -> None:
        if message.get("event") == "exit":
            self._on_exit(message["box"], message["code"])
        elif (future := self._waiting.get(message["id"])) is not None:
            future.set_result(message)

    def close(self) -> None:
        """End the keeper and wait until it has removed every trace."""
        if os.getpid() != self._owner:
            return  # a forked child on its way out: the keeper is its parent's
        self._closing = True
        atexit.unregister(self.close)
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._sock.close()
        self._stderr.close()
        sweep_leftovers()


def records() -> list[tuple[str, dict[str, Any]]]:
    """Id and record of every sandbox whose keeper lives, oldest first."""
    found = []
    for path in run_folder().glob("keeper-*/*/sandbox.json"):
        with contextlib.suppress(OSError, ValueError):
            record = json.loads(path.read_text())
            if record["pid1"] and Path(f"/proc/{record['pid1']}").exists():
                found.append((path.stat().st_mtime, path.parent.name, record))
    return [(name, record) for _, name, record in sorted(found, key=lambda row: row[0])]


@contextlib.contextmanager
def _run_folder_locked() -> Iterator[Path]:
    """The run folder while nobody else makes or sweeps a keeper's folder in it."""
    folder = run_folder()
    fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(fd)


def _make_home() -> tuple[str, int]:
    """A keeper's folder, and the descriptor that holds its lock: it passes to the keeper (flock(2))."""
    with _run_folder_locked() as folder:
        home = tempfile.mkdtemp(prefix="keeper-", dir=folder)
        lock = os.open(f"{home}/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        return home, lock


def sweep_leftovers() -> list[str]:
    """Remove what keepers that were themselves killed left behind: cgroups and folders.

    A keeper holds a lock on its folder while it lives; one whose lock is free is dead, and the kernel
    has already ended its sandboxes and mounts with it.
    """
    removed = []
    with _run_folder_locked() as folder:
        for home in sorted(folder.glob("keeper-*")):
            try:
                lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except FileNotFoundError:
                continue  # its keeper has just removed it
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue  # its keeper lives
            else:
                removed += _remove_home(home)
            finally:
                os.close(lock)
    return removed


def _remove_home(home: Path) -> list[str]:
    left = []
    for record in home.glob("*/sandbox.json"):
        with contextlib.suppress(ValueError, OSError):
            left += remove_cgroups(json.loads(record.read_text())["cgroups"])
    if left:  # the records stay, so that the next sweep finds them
        return [f"could not remove cgroup {folder}" for folder in left]
    shutil.rmtree(home, ignore_errors=True)
    return [f"removed what a killed keeper left: {home}"]
