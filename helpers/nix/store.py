"""A Nix store of one's own: build, look, keep generations, collect garbage; with no network.

The store is in a sandbox of the lab image, written by the real nix-build, nix-env and nix-store; it lives as
long as its owner, or in a folder as an archive that is replaced whole after each change.
"""

from __future__ import annotations

import os
import re
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from helpers.engines.base import MIB, ExecResult, Limits, Pid1
from helpers.errors import SandboxError
from helpers.nix.errors import NixError, parse, with_log
from helpers.nix.places import tar_of

if TYPE_CHECKING:
    from helpers.engines.base import Engine, Image, Sandbox
    from helpers.nix.profiles import Profile

__all__ = ["Built", "Collected", "Store"]

_CONF = """# No daemon, no build users, nothing from the network: what a learner's own store needs.
sandbox = false
build-users-group =
substitute = false
substituters =
connect-timeout = 1
download-attempts = 1
experimental-features = nix-command
"""
_ENVIRONMENT = {
    "NO_COLOR": "1",
    "TERM": "dumb",
    "LC_ALL": "C.UTF-8",
    "HOME": "/root",
    "XDG_CACHE_HOME": "/tmp/.cache",  # noqa: S108 - inside
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Built:
    """What a build gave: its outputs' paths in the store, and what its builders printed."""

    paths: tuple[str, ...]
    log: str

    @property
    def path(self) -> str:
        """The first output."""
        return self.paths[0]


@dataclass(frozen=True)
class Collected:
    """What a garbage collection removed: paths, and bytes that are free again."""

    paths: tuple[str, ...]
    freed: int


class Store:
    """A Nix store. In a `with` block it is gone at the end of the block; otherwise with `close()`, or when
    this Python process ends.

    `folder` keeps it: what is there is unpacked, and replaced after each change; only one Store at a time may
    have it. `disk` bounds what it may hold, in bytes (in memory, where the embedded engine runs it).
    `inside` is a running sandbox, such as a lab's, to have the store in: it is not ended by `close`.
    Raises `EngineUnavailable`, or `SandboxError`.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        disk: int = 256 * MIB,
        inside: Sandbox | None = None,
        engine: str | Engine | None = None,
        image: Image | None = None,
    ) -> None:
        from filelock import FileLock, Timeout

        self._changing = threading.RLock()
        self._lock: FileLock | None = None
        self._archive: Path | None = None
        if folder is not None:
            at = Path(folder)
            at.mkdir(parents=True, exist_ok=True)
            self._archive = at / "nix.tar"
            self._lock = FileLock(at / "nix.lock")
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                raise SandboxError(
                    f"the store in {at} is in use", hint="close() the other Store first"
                ) from None
        self._own = inside is None
        try:
            self.sandbox = inside if inside is not None else _start(engine, image, disk)
            self.sandbox.write("/etc/nix/nix.conf", _CONF.encode())
            if self._archive is not None and self._archive.exists():
                self._unpack(self._archive)
        except BaseException:
            self.close()
            raise

    # -- life -------------------------------------------------------------------------------------------

    def close(self) -> None:
        """End the store's sandbox. Safe to call twice."""
        if self._own and hasattr(self, "sandbox"):
            self.sandbox.destroy()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _unpack(self, archive: Path) -> None:
        done = self.sandbox.exec(["/bin/tar", "-x", "-p", "-C", "/"], input=archive.read_bytes(), timeout=120)
        if done.code != 0:
            raise SandboxError(
                f"{archive} does not fit, or is no store: {done.stderr.decode(errors='replace').strip()}",
                hint="a larger disk=, or move the file away to begin with an empty store",
            )

    def save(self) -> None:
        """Write the store to its folder, whole or not at all. Done by itself after each change."""
        if self._archive is None:
            return
        packed = self.sandbox.exec(["/bin/tar", "-c", "-C", "/", "nix"], timeout=120)
        if packed.code != 0:
            raise SandboxError(
                f"the store could not be packed: {packed.stderr.decode(errors='replace').strip()}"
            )
        new = self._archive.with_suffix(".new")
        with new.open("wb") as file:
            file.write(packed.stdout)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._archive)

    # -- building ---------------------------------------------------------------------------------------

    def build(
        self,
        expression: str,
        *,
        files: Mapping[str, str | bytes] | None = None,
        attribute: str | None = None,
        timeout: float = 120.0,
    ) -> Built:
        """Build the derivation an expression gives (nix-build(1)), or the one at an attribute path of it.

        `files` lie beside it, as for `eval`. Raises `NixError` when it cannot be evaluated, when a builder
        fails (with its last lines), when the store is full, and after `timeout` seconds. What was there
        before is untouched by a failure.
        """
        folder = f"/tmp/build.{secrets.token_hex(6)}"  # noqa: S108 - inside
        command = ["nix-build", "--no-out-link", "--show-trace", "./build.nix"]
        if attribute is not None:
            command += ["-A", attribute]
        archive = tar_of({**(files or {}), "build.nix": expression + "\n"})
        script = 'mkdir "$1" && cd "$1" && tar -x || exit 125; trap \'cd /; rm -rf "$1"\' EXIT; (shift; "$@")'
        with self._changing:
            self.sandbox.write("/etc/nix/nix.conf", _CONF.encode())
            done = self._exec(["/bin/sh", "-c", script, "sh", folder, *command], archive, timeout)
            log = done.stderr.decode(errors="replace")
            if done.code != 0:
                raise with_log(self._failure(done, timeout, {f"{folder}/": ""}))
            if not done.stdout.strip():
                what = f"attribute {attribute}" if attribute else "the expression"
                raise NixError(
                    f"{what} gives no derivation: there is nothing to build", kind="build", raw=log
                )
            self.save()
        return Built(tuple(done.stdout.decode().split()), log)

    def run(self, argv: Sequence[str], *, timeout: float = 60.0) -> str:
        """Run one of Nix's commands on the store, such as `["nix-store", "--query", "--tree", path]`: what it
        printed. Raises `NixError` when it fails."""
        with self._changing:
            done = self._exec(argv, b"", timeout)
        if done.code != 0:
            raise self._failure(done, timeout, {})
        return done.text

    def _exec(self, argv: Sequence[str], input: bytes, timeout: float) -> ExecResult:
        limited = ["timeout", "-s", "KILL", f"{timeout:g}", *argv]
        return self.sandbox.exec(limited, input=input, env=_ENVIRONMENT, timeout=timeout + 15)

    @staticmethod
    def _failure(done: ExecResult, timeout: float, names: Mapping[str, str]) -> NixError:
        said = done.stderr.decode(errors="replace")
        if done.code == 137 and "error:" not in said:
            return NixError(
                f"not done after {timeout:g} s", kind="time", raw=said, hint="give a larger timeout="
            )
        return parse(said, names)

    # -- looking ----------------------------------------------------------------------------------------

    def paths(self) -> list[str]:
        """Every valid path in the store, sorted by name."""
        found = self.run(["nix", "path-info", "--all", "--offline"])
        return sorted(set(found.split()), key=lambda path: path.partition("-")[2])

    def closure(self, path: str) -> list[str]:
        """The path and all it refers to, directly or not (`nix-store --query --requisites`)."""
        return self.run(["nix-store", "--query", "--requisites", path]).split()

    def references(self, path: str) -> list[str]:
        """What the path itself refers to."""
        return self.run(["nix-store", "--query", "--references", path]).split()

    def verify(self) -> bool:
        """Whether every path still has the content it was registered with. Raises `NixError` naming one that
        has not."""
        self.run(["nix-store", "--verify", "--check-contents"])
        return True

    def read(self, path: str) -> str:
        """The text of a file in the store. Raises `SandboxError` naming the path."""
        return self.sandbox.read(path).decode(errors="replace")

    def files(self, path: str) -> dict[str, str]:
        """Every file below a path of the store: relative path → text; a link as `-> target`."""
        script = 'cd "$1" && find . -type f -printf "f %P\\n" -o -type l -printf "l %P\\n" | sort -k2'
        found = self.run(["/bin/sh", "-c", script, "sh", path])
        result = {}
        for line in found.splitlines():
            kind, _, name = line.partition(" ")
            if kind == "l":
                result[name] = "-> " + self.run(["/bin/readlink", f"{path}/{name}"])
            else:
                result[name] = self.read(f"{path}/{name}")
        return result

    # -- keeping ----------------------------------------------------------------------------------------

    def profile(self, name: str = "system") -> Profile:
        """The profile of that name: what it holds is kept, with everything it refers to."""
        from helpers.nix.profiles import Profile

        if not _NAME.fullmatch(name):
            raise NixError(f"{name!r} is no name of a profile", hint="letters, digits, dots and dashes")
        return Profile(self, name)

    def collect(self) -> Collected:
        """Remove every path that no generation of a profile needs (`nix-store --gc`)."""
        with self._changing:
            done = self._exec(["nix-store", "--gc"], b"", 120)
            said = (done.stdout + done.stderr).decode(errors="replace")
            if done.code != 0:
                raise self._failure(done, 120, {})
            self.save()
        paths = set(re.findall(r"^deleting '(/nix/store/[^'/]+)'$", said, flags=re.MULTILINE))
        freed = re.search(r"([\d.]+) (KiB|MiB|GiB|bytes) freed", said)
        units = {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
        return Collected(tuple(sorted(paths)), int(float(freed[1]) * units[freed[2]]) if freed else 0)


def _start(engine: str | Engine | None, image: Image | None, disk: int) -> Sandbox:
    from helpers.lab import _find_engine

    if image is None:
        from helpers import image as images

        image = images.ensure()
    limits = Limits(memory=None if disk > 512 * MIB else 512 * MIB, disk=disk)
    return _find_engine(engine).start(
        image, Pid1(("/usr/bin/tini", "--", "/bin/sleep", "infinity")), limits=limits, hostname="store"
    )
