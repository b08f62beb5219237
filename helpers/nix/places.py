"""Where Nix runs: in a sandbox of the lab image, or on this computer where Nix is installed.

A place runs one command in a folder of its own with given files, and nothing of it stays. In the sandbox
there is no network and nothing of the computer to be seen. On the computer itself Nix is told to be as
strict (`--restrict-eval`), and an ordinary user needs no store: expressions are evaluated with `dummy://`.
"""

from __future__ import annotations

import io
import os
import secrets
import shutil
import subprocess
import tarfile
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from helpers.errors import EngineUnavailable, SandboxError, SandboxGone

if TYPE_CHECKING:
    from helpers.engines.base import Engine, Image, Sandbox

__all__ = ["HERE", "HostPlace", "LabPlace", "Place", "Ran", "best_place", "tar_of"]

HERE = "@here@"
"""Stands in a command for the folder it runs in."""

_ENVIRONMENT = {"NO_COLOR": "1", "TERM": "dumb", "GC_INITIAL_HEAP_SIZE": "33554432", "LC_ALL": "C.UTF-8"}
_GRACE = 10.0
_MEMORY = 1_500_000  # KiB of address space: an expression that never ends may also never stop growing


@dataclass(frozen=True)
class Ran:
    """A command that ended: its exit code as a shell shows it, what it printed, how long it took in seconds
    and whether that was too long (it was killed)."""

    code: int
    stdout: str
    stderr: str
    seconds: float
    late: bool
    folder: str


class Place(Protocol):
    """Somewhere Nix can be run."""

    def run(self, argv: Sequence[str], files: Mapping[str, str], *, input: str, timeout: float) -> Ran:
        """Run a command in a folder that holds `files` (relative path → text), with `input`.

        It is killed after `timeout` seconds. Raises `SandboxError` when it could not be started.
        """


def tar_of(files: Mapping[str, str | bytes]) -> bytes:
    """Files as an archive. Raises `SandboxError` for a path that leads out of the folder."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(_inside(path))
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def _inside(path: str) -> str:
    if path.startswith("/") or ".." in path.split("/"):
        raise SandboxError(f"{path!r} is no path inside the folder of an expression", hint='e.g. "lib/a.nix"')
    return path


# $1 the folder to make, $2 seconds, $3 the size of the archive that comes before the command's own input.
_SCRIPT = """
mkdir "$1" && cd "$1" && head -c "$3" | tar -x && mkdir .home || exit 125
trap 'cd /; rm -rf "$1"' EXIT
export HOME=$1/.home XDG_CACHE_HOME=$1/.home NIX_STATE_DIR=$1/.home/state
ulimit -v "$LIMIT"
(t=$2; shift 3; exec timeout -s KILL "$t" "$@")
"""


class LabPlace:
    """A sandbox of the lab image, started when it is first needed; gone when this process is."""

    def __init__(self, engine: str | Engine | None = None, image: Image | None = None) -> None:
        self._engine = engine
        self._image = image
        self._sandbox: Sandbox | None = None
        self._owner = 0
        self._lock = threading.Lock()

    @property
    def running(self) -> bool:
        """Whether its sandbox runs."""
        return self._sandbox is not None and self._owner == os.getpid() and self._sandbox.exit is None

    def sandbox(self) -> Sandbox:
        """The running sandbox, started anew if it has ended."""
        from helpers.engines.base import Pid1
        from helpers.lab import _find_engine

        with self._lock:
            if not self.running:
                if self._image is None:
                    from helpers import image as images

                    self._image = images.ensure()
                pid1 = Pid1(("/usr/bin/tini", "--", "/bin/sleep", "infinity"))
                self._sandbox = _find_engine(self._engine).start(self._image, pid1, hostname="nix")
                self._owner = os.getpid()
            assert self._sandbox is not None  # noqa: S101
            return self._sandbox

    def run(self, argv: Sequence[str], files: Mapping[str, str], *, input: str, timeout: float) -> Ran:
        """See `Place.run`."""
        archive = tar_of(files)
        folder = f"/tmp/nix.{secrets.token_hex(6)}"  # noqa: S108 - inside
        words = (word.replace(HERE, folder) for word in argv)
        command = ["/bin/sh", "-c", _SCRIPT, "sh", folder, f"{timeout:g}", str(len(archive)), *words]
        environment = {**_ENVIRONMENT, "LIMIT": str(_MEMORY)}
        for attempt in (1, 2):
            began = time.monotonic()
            try:
                done = self.sandbox().exec(
                    command, input=archive + input.encode(), env=environment, timeout=timeout + _GRACE
                )
                break
            except SandboxGone:  # another one, once
                if attempt == 2:
                    raise
        took = time.monotonic() - began
        out, err = (data.decode(errors="replace") for data in (done.stdout, done.stderr))
        return Ran(done.code, out, err, took, done.code == 137 and took >= timeout, folder)

    def close(self) -> None:
        """End the sandbox. The next call starts another."""
        with self._lock:
            if self._sandbox is not None and self._owner == os.getpid():
                self._sandbox.destroy()
            self._sandbox = None


class HostPlace:
    """This computer's own Nix."""

    def run(self, argv: Sequence[str], files: Mapping[str, str], *, input: str, timeout: float) -> Ran:
        """See `Place.run`."""
        with tempfile.TemporaryDirectory(prefix="nix.") as folder:
            for path, content in files.items():
                file = Path(folder, _inside(path))
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(content)
            home = Path(folder, ".home")
            home.mkdir()
            environment = {
                **_ENVIRONMENT,
                "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
                "HOME": str(home),
                "XDG_CACHE_HOME": str(home),
                "NIX_STATE_DIR": str(home / "state"),
            }
            limited = ["/bin/sh", "-c", f'ulimit -v {_MEMORY}; exec "$@"', "sh"]
            command = [*limited, *(word.replace(HERE, folder) for word in argv)]
            began = time.monotonic()
            with subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                process_group=0,
            ) as process:
                late = False
                try:
                    out, err = process.communicate(input.encode(), timeout)
                except subprocess.TimeoutExpired:
                    late = True
                    os.killpg(process.pid, 9)
                    out, err = process.communicate()
                except BaseException:
                    os.killpg(process.pid, 9)
                    raise
            code = process.returncode if process.returncode >= 0 else 128 - process.returncode
            took = time.monotonic() - began
            return Ran(code, out.decode(errors="replace"), err.decode(errors="replace"), took, late, folder)


_lab = LabPlace()


def best_place() -> Place:
    """The lab image's Nix, one sandbox for the whole process; this computer's own where no sandbox can be
    started, or where the environment says `INITLAB_NIX=host`.

    Raises `EngineUnavailable` where there is neither.
    """
    from helpers.engines import registry

    wanted = os.environ.get("INITLAB_NIX", "")
    if wanted not in ("", "lab", "host"):
        raise EngineUnavailable(
            f"INITLAB_NIX={wanted} names no place", hint="set it to lab or host, or unset it"
        )
    installed = shutil.which("nix") is not None
    if wanted == "host":
        if not installed:
            raise EngineUnavailable("INITLAB_NIX=host, and no nix is on the PATH", hint="unset INITLAB_NIX")
        return HostPlace()
    if not _lab.running:
        try:
            registry.best()
        except EngineUnavailable:
            if wanted == "lab" or not installed:
                raise
            return HostPlace()
    return _lab
