"""Where rustc and cargo come from: this computer's own, or a builder root made of Debian's packages.

The computer's own are taken when rustc is new enough. Otherwise the packages of `labs/rust` (Debian
trixie's rustc) are put into a folder of the cache, by the same machinery as the lab image, and entered with
bubblewrap. Both work as root and as an ordinary user; neither needs rustup. `INITLAB_RUST` (`host` or `root`)
picks one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from helpers.engines.base import Availability
from helpers.errors import ImageError, InitlabError

if TYPE_CHECKING:
    from helpers.image.cache import Cache
    from helpers.image.recipe import Recipe

__all__ = ["NEEDED", "PREPARE", "RustError", "Toolchain", "availability", "cargo_home", "toolchain"]

NEEDED = (1, 85)
"""The oldest rustc that builds the course's crates: Debian trixie's."""

PREPARE = "initlab rust"
RECIPE = Path(__file__).resolve().parents[2] / "labs" / "rust"
# What the root takes from this computer: names, and the certificates of who may answer for them.
_SHARED = (
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/group",
    "/etc/ssl/certs",
)
_FROM_ROOT = ("/etc/alternatives", "/etc/ld.so.cache", "/etc/ca-certificates")


class RustError(InitlabError):
    """No toolchain can be had here, or a crate does not build. The message has the compiler's first words."""


@dataclass(frozen=True)
class Toolchain:
    """rustc and cargo. `kind` is `host` or `root`; `version` is rustc's own line; `target` the triple that
    programs are built for; `root` the builder root's tree, if it is one."""

    kind: str
    version: str
    target: str
    cargo: str
    root: Path | None = None

    @property
    def release(self) -> str:
        """The number alone: 1.85.0."""
        return self.version.split()[1]

    def command(self, argv: Sequence[str], *, cwd: Path, writes: Sequence[Path]) -> list[str]:
        """`cargo ARGV…` as a command for this computer, run in `cwd`; in the root it may write only to
        `writes` and to cargo's own folder of downloads."""
        if self.root is None:
            return [self.cargo, *argv]
        writes = [*writes, cargo_home()]
        return [*_enter(self.root, reads=[cwd], writes=writes), "--chdir", str(cwd), "--", self.cargo, *argv]


def cargo_home() -> Path:
    """Cargo's folder of settings and downloads: `CARGO_HOME`, or `~/.cargo`."""
    return Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo").absolute()


def availability() -> Availability:
    """Whether crates can be built here now. `reason` says with what where they can; nothing is made."""
    wish = _wish()
    found = _host() if wish != "root" else None
    if found is not None:
        return Availability(True, f"{found.version} (this computer's own)")
    why = "" if wish == "root" else f"{_host_lack()}; "
    try:
        state = _cache().state(_recipe())
        if wish == "host":
            return Availability(False, _host_lack(), "rustup update, or unset INITLAB_RUST")
        if state.state == "ready":
            return Availability(True, f"Debian's own, in {state.rootfs.parent}")
        seen = "not built" if state.state == "absent" else f"broken: {state.fault}"
        return Availability(False, f"{why}the builder root is {seen}", PREPARE)
    except ImageError as error:
        return Availability(False, why + error.message, error.hint)


def toolchain(*, progress: bool = True) -> Toolchain:
    """The toolchain; the builder root is made first where it is needed (a minute, a network).

    Raises `RustError` with the command that mends it.
    """
    wish = _wish()
    found = _host() if wish != "root" else None
    if found is not None:
        return found
    if wish == "host":
        raise RustError(f"Rust: {_host_lack()}", hint="rustup update, or unset INITLAB_RUST")
    from helpers.image.build import build_with_mmdebstrap
    from helpers.rust.progress import lines

    try:
        image = _cache().ensure(_recipe(), build_with_mmdebstrap, lines("Rust builder", show=progress))
    except ImageError as error:
        message = error.message.replace("lab image", "Rust builder").replace("labs/image", "labs/rust")
        hint = error.hint.replace("initlab image build", PREPARE)
        why = "" if wish == "root" else f"{_host_lack()}, and Debian's own could not be fetched.\n  "
        raise RustError(f"Rust: {why}{message}", hint=hint) from None
    return _inside(image.rootfs)


def _wish() -> str:
    wish = os.environ.get("INITLAB_RUST", "")
    if wish not in ("", "host", "root"):
        raise RustError(f"INITLAB_RUST is {wish!r}", hint="set it to host or to root, or unset it")
    return wish


def _recipe() -> Recipe:
    from helpers.image.recipe import load_recipe

    return load_recipe(RECIPE)


def _cache() -> Cache:
    from helpers.image.cache import Cache, cache_folder

    return Cache(cache_folder() / "rust")


@cache
def _host() -> Toolchain | None:
    """This computer's own, if it is there and new enough."""
    cargo = _find("cargo")
    rustc = _find("rustc")
    if cargo is None or rustc is None:
        return None
    found = _asked([rustc, "-vV"])
    version = _number(found)
    if version is None or version < NEEDED or not _asked([cargo, "--version"]):
        return None
    if shutil.which("cc") is None:  # rustc calls it to link
        return None
    return Toolchain("host", found.splitlines()[0], _triple(found), cargo)


@cache
def _inside(rootfs: Path) -> Toolchain:
    command = [*_enter(rootfs, reads=[], writes=[]), "--", "/usr/bin/rustc", "-vV"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise RustError(f"Rust: the builder root cannot be entered: {last}", hint="initlab doctor")
    return Toolchain("root", done.stdout.splitlines()[0], _triple(done.stdout), "/usr/bin/cargo", rootfs)


def _host_lack() -> str:
    """Why this computer's own does not serve, in words."""
    rustc = _find("rustc")
    if rustc is None or _find("cargo") is None:
        return "this computer has no cargo"
    version = _number(_asked([rustc, "-vV"]))
    if version is None:
        return f"{rustc} does not run"
    if version < NEEDED:
        return f"this computer's rustc is {version[0]}.{version[1]}, older than {NEEDED[0]}.{NEEDED[1]}"
    return "this computer has no cc to link with" if shutil.which("cc") is None else "its cargo does not run"


def _find(program: str) -> str | None:
    """In the search path, or where rustup puts it, which a kernel of Jupyter may not have in its path."""
    return shutil.which(program) or shutil.which(program, path=str(cargo_home() / "bin"))


def _asked(argv: Sequence[str]) -> str:
    try:
        # From /: a toolchain file in somebody's folder is not meant for us.
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, cwd="/", check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _number(said: str) -> tuple[int, int] | None:
    found = re.match(r"rustc (\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else None


def _triple(said: str) -> str:
    return next((line.split()[1] for line in said.splitlines() if line.startswith("host:")), "")


def _enter(rootfs: Path, *, reads: Sequence[Path], writes: Sequence[Path]) -> list[str]:
    """The beginning of a command that runs in the builder root; the network stays this computer's."""
    from helpers.engines.embedded import _bwrap

    argv = [str(_bwrap()), "--die-with-parent", "--unshare-pid"]
    argv += ["--ro-bind", str(rootfs / "usr"), "/usr"]
    for name in ("bin", "sbin", "lib", "lib64"):
        if (rootfs / name).is_symlink():
            argv += ["--symlink", f"usr/{name}", f"/{name}"]
    for name in _FROM_ROOT:
        argv += ["--ro-bind-try", f"{rootfs}{name}", name]
    for name in _SHARED:
        argv += ["--ro-bind-try", os.path.realpath(name), name]
    argv += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]  # noqa: S108 - inside
    argv += [
        "--setenv",
        "PATH",
        "/usr/bin:/bin",
        "--unsetenv",
        "RUSTUP_TOOLCHAIN",
        "--unsetenv",
        "RUSTUP_HOME",
    ]
    for path in reads:
        argv += ["--ro-bind", str(path), str(path)]
    for path in writes:
        path.mkdir(parents=True, exist_ok=True)
        argv += ["--bind", str(path), str(path)]
    return argv
