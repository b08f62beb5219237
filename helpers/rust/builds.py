"""Build a crate, test it, lint it: by cargo, with the result kept.

::

    <cache>/rust/built/<key16>/<program>     what `build` gives: one folder for each crate, profile, toolchain
    <cache>/rust/work/<crate>-<key>/crate    the sources as cargo sees them, one build at a time
                                   /target   what cargo keeps, the dependencies compiled among it
    <cache>/rust/logs/<crate>.log            all that cargo said last
    <cache>/rust/packed/                     what another computer has built (`helpers.rust.packs`)

The work folder belongs to a crate and its dependencies, not to its sources: another text of `main.rs` is
compiled alone. Programs are linked statically (`crt-static`), so that they run in any image.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from helpers.rust.crates import Crate
from helpers.rust.messages import Diagnostic, Tests, diagnostic, parse_tests
from helpers.rust.progress import Lines, lines
from helpers.rust.run import Ended, run
from helpers.rust.toolchain import RustError, Toolchain, availability, toolchain

__all__ = ["Built", "build", "compiles", "lint", "packed", "test"]

_TIMEOUT = 600.0
_KEPT = 60  # programs, the latest used
_NO_NETWORK = ("no matching package", "failed to download", "attempting to make an HTTP request", "offline")


@dataclass(frozen=True)
class Built:
    """What became of a build: the programs by name, or the compiler's complaints and no programs."""

    crate: str
    programs: Mapping[str, Path]
    diagnostics: tuple[Diagnostic, ...] = ()
    elsewhere: str = ""
    """Whose work it is, where it came in a pack: rustc's own line. Empty where it was built here."""

    @property
    def ok(self) -> bool:
        """Whether there is a program."""
        return bool(self.programs)

    def __str__(self) -> str:
        whose = f" (out of a pack, by {self.elsewhere})" if self.elsewhere else ""
        if self.ok:
            sizes = (f"{name} ({path.stat().st_size / 1e6:.1f} MB)" for name, path in self.programs.items())
            return f"built: {', '.join(sizes)}{whose}"
        said = [one.rendered or str(one) for one in self.diagnostics if one.level == "error"]
        return "\n\n".join([*said, whose.strip()] if whose else said)

    __repr__ = __str__


def build(
    crate: Crate | Path | str,
    *,
    profile: str = "release",
    program: str | None = None,
    progress: bool = True,
    timeout: float = _TIMEOUT,
) -> Path:
    """The path of a crate's program (by default the one called like the crate), built if it has to be.

    Raises `RustError`: no toolchain, no network for what it depends on, out of time, or the compiler's
    complaints, the crate's own files first.
    """
    built = compiles(crate, profile=profile, progress=progress, timeout=timeout)
    if not built.ok:
        errors = [one for one in built.diagnostics if one.level == "error"] or list(built.diagnostics)
        raise RustError(
            "\n".join([f"crate {built.crate} does not compile", *(f"  {one}" for one in errors[:5])]),
            hint=f"mend it; the whole message: print(rust.compiles({built.crate!r}))",
        )
    wanted = program or built.crate
    if wanted not in built.programs:
        raise RustError(
            f"crate {built.crate} has no program {wanted}", hint=f"one of {', '.join(built.programs)}"
        )
    return built.programs[wanted]


def compiles(
    crate: Crate | Path | str, *, profile: str = "dev", progress: bool = True, timeout: float = _TIMEOUT
) -> Built:
    """Build a crate, and give the compiler's complaints as values where it does not compile.

    Without a toolchain that is ready, what a pack has of this very crate is taken (`helpers.rust.packs`).
    """
    found = Crate.of(crate)
    if not availability().ok and (brought := packed(found, profile=profile)):
        return brought
    tools = toolchain(progress=progress)
    key = sha256(f"{found.name} {found.digest} {profile} {tools.version} {tools.kind}".encode()).hexdigest()
    kept = _home() / "built" / key[:16]
    if programs := _programs(kept):
        os.utime(kept)
        return Built(found.name, programs)
    with _work(found, tools, lines("Rust", show=progress)) as work:
        if programs := _programs(kept):  # made while we waited
            return Built(found.name, programs)
        ended = work.cargo("build", ("--profile", profile, "--bins"), timeout)
        complaints = _complaints(ended, work.crate)
        if ended.timed_out:
            raise RustError(f"crate {found.name} was not built within {timeout:g} s", hint=f"see {work.log}")
        if ended.code != 0:
            if not any(one.level == "error" for one in complaints):
                raise _cargo_failed(found, ended, work.log)
            return Built(found.name, {}, complaints)
        folder = work.target / tools.target / ("debug" if profile == "dev" else profile)
        programs = _keep(folder, kept)
    _prune(kept.parent)
    return Built(found.name, programs, complaints)


def packed(crate: Crate | Path | str, *, profile: str = "release") -> Built | None:
    """What a pack has brought of a crate just as it is; None where none has. Nothing is built."""
    from helpers.rust import packs

    found = Crate.of(crate)
    if (brought := packs.find(found, profile)) is None:
        return None
    manifest, entry, programs = brought
    return Built(found.name, programs, entry.diagnostics, manifest.rustc)


def run_tests(
    crate: Crate | Path | str,
    *,
    only: str = "",
    file: str = "",
    profile: str = "dev",
    progress: bool = True,
    timeout: float = _TIMEOUT,
) -> Tests:
    """Run a crate's tests and tell how each one went: with `only`, those whose name has it in it; with
    `file`, those of tests/FILE.rs.

    A crate that does not compile is a value too: `Tests.diagnostics`. Raises `RustError` as `build` does for
    all else.
    """
    found, tools = Crate.of(crate), toolchain(progress=progress)
    with _work(found, tools, lines("Rust", show=progress)) as work:
        one = ("--test", file) if file else ()
        extra = ("--profile", profile, "--no-fail-fast", *one, "--", *((only,) if only else ()))
        ended = work.cargo("test", extra, timeout)
        complaints = _complaints(ended, work.crate)
        results = parse_tests(line for line in ended.out if not line.startswith("{"))
        nothing = ended.code != 0 and not results and not ended.timed_out
        if nothing and not any(one.level == "error" for one in complaints):
            raise _cargo_failed(found, ended, work.log)
    return Tests(found.name, tuple(results), complaints, ended.timed_out)


test = run_tests  # under this name in `helpers.rust`; as a definition pytest's rules would apply to it


def lint(crate: Crate | Path | str, *, progress: bool = True, timeout: float = _TIMEOUT) -> tuple[str, ...]:
    """What `cargo fmt --check` and `cargo clippy -D warnings` find, a text each; nothing where all is well.

    Raises `RustError` as `build` does, also where the toolchain lacks the two.
    """
    found, tools = Crate.of(crate), toolchain(progress=progress)
    problems = []
    with _work(found, tools, lines("Rust", show=progress)) as work:
        formatted = work.plain(("fmt", "--check"), timeout)
        if formatted.code != 0:
            problems.append("\n".join([*formatted.out, *formatted.err]))
        ended = work.cargo("clippy", ("--all-targets", "--", "-D", "warnings"), timeout)
        complaints = [one.rendered or str(one) for one in _complaints(ended, work.crate)]
        if ended.code != 0:
            problems += complaints or ["\n".join(ended.err[-20:])]
    return tuple(problems)


def _home() -> Path:
    from helpers.image.cache import cache_folder

    return cache_folder() / "rust"


@dataclass(frozen=True)
class _Work:
    """A crate's work folder, held."""

    crate: Path
    target: Path
    log: Path
    tools: Toolchain
    report: Lines
    name: str
    locked: bool

    def cargo(self, verb: str, extra: Sequence[str], timeout: float) -> Ended:
        """`cargo VERB`, without a network first; with it where something is missing."""
        argv = [verb, "--target", self.tools.target, "--message-format", "json"]
        argv += ["--locked"] if self.locked else []
        ended = self.plain([*argv, "--offline", *extra], timeout)
        missing = " ".join(ended.err[-12:])
        if ended.code == 101 and not ended.out and any(words in missing for words in _NO_NETWORK):
            self.report.say(f"{self.name}: fetching what it depends on")
            ended = self.plain([*argv, *extra], timeout)
        return ended

    def plain(self, argv: Sequence[str], timeout: float) -> Ended:
        """`cargo ARGV…`, everything in the log."""
        flags = "-C target-feature=+crt-static"
        environment = {
            **{name: value for name, value in os.environ.items() if not _steers(name)},
            "CARGO_TARGET_DIR": str(self.target),
            "RUSTFLAGS": flags,
            "CARGO_TERM_COLOR": "never",
            "CARGO_INCREMENTAL": "0",
            "RUST_BACKTRACE": "0",
        }
        command = self.tools.command(argv, cwd=self.crate, writes=[self.target, self.crate])
        ended = run(
            command,
            cwd=self.crate,
            environment=environment,
            timeout=timeout,
            on_step=lambda done, total: self.report.step(f"{self.name}: crate {done} of {total}"),
            total=self._packages(),
        )
        self.log.write_text("\n".join(["$ cargo " + " ".join(argv), *ended.out, *ended.err]) + "\n")
        return ended

    def _packages(self) -> int:
        try:
            return (self.crate / "Cargo.lock").read_text().count("[[package]]")
        except OSError:
            return 0


def _steers(name: str) -> bool:
    """Whether a variable would make cargo build otherwise than we say."""
    return name.startswith(("CARGO_BUILD_", "CARGO_PROFILE_")) or name in (
        "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTUP_TOOLCHAIN", "RUSTC_WRAPPER", "CARGO_MANIFEST_DIR",
    )  # fmt: skip


@contextmanager
def _work(crate: Crate, tools: Toolchain, report: Lines) -> Iterator[_Work]:
    """The crate's sources where cargo is to find them; nobody else builds there meanwhile."""
    from filelock import FileLock, Timeout

    depends = f"{crate.text_of_cargo}{crate.files.get('Cargo.lock', b'')!r}{tools.version}{tools.kind}"
    folder = _home() / "work" / f"{crate.name}-{sha256(depends.encode()).hexdigest()[:8]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (_home() / "logs").mkdir(exist_ok=True)
        lock = FileLock(folder / "lock")
        try:
            lock.acquire(timeout=1)
        except Timeout:
            report.say(f"{crate.name}: another process is building it; waiting")
            lock.acquire(poll_interval=0.1)
        try:
            _lay(crate, folder / "crate")
            log = _home() / "logs" / f"{crate.name}.log"
            yield _Work(folder / "crate", folder / "target", log, tools, report, crate.name, crate.locked)
        finally:
            lock.release()
    except OSError as error:
        where = error.filename or folder
        raise RustError(
            f"Rust: {where}: {error.strerror or error}",
            hint="make room, or use another folder: INITLAB_CACHE=/folder initlab rust",
        ) from None


def _lay(crate: Crate, folder: Path) -> None:
    """Write what differs: cargo compiles again what is newer than its result."""
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        inside = path.relative_to(folder).as_posix()
        if path.is_file() and inside not in crate.files and not inside.startswith("target/"):
            path.unlink()
    for name, data in crate.files.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def _complaints(ended: Ended, folder: Path) -> tuple[Diagnostic, ...]:
    """Errors before warnings, what has a place before what has none; each once."""
    found = [diagnostic(line, str(folder)) for line in ended.out if line.startswith("{")]
    each = dict.fromkeys(one for one in found if one is not None)
    return tuple(sorted(each, key=lambda one: (one.level != "error", one.file.startswith("/"), not one.file)))


def _cargo_failed(crate: Crate, ended: Ended, log: Path) -> RustError:
    said = [line for line in ended.err if line.startswith("error")] or ended.err[-1:] or ["it said nothing"]
    if any(words in " ".join(ended.err) for words in (*_NO_NETWORK, "network", "spurious")):
        return RustError(
            f"crate {crate.name}: what it depends on could not be fetched: {said[0]}\n  log: {log}",
            hint="connect this computer once, then try again: what was fetched is kept",
        )
    return RustError(f"crate {crate.name}: cargo failed: {said[0]}\n  log: {log}", hint=f"read {log}")


def _programs(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in sorted(folder.glob("*"))} if folder.is_dir() else {}


def _keep(made: Path, kept: Path) -> dict[str, Path]:
    """Copy what cargo has linked to where it stays: a folder that is there whole or not at all."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".", dir=kept.parent))
    try:
        for path in made.iterdir():
            if path.is_file() and os.access(path, os.X_OK) and path.suffix == "":
                shutil.copy2(path, staging / path.name)
        staging.chmod(0o755)
        try:
            staging.rename(kept)
        except OSError:  # it is there: the same from another work folder
            if not kept.is_dir():
                raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return _programs(kept)


def _prune(folder: Path) -> None:
    """Keep the latest used; of copies that were never finished, none."""
    for left in folder.glob(".*"):
        with suppress(OSError):  # its own process may just be done with it
            if time.time() - left.stat().st_mtime > _TIMEOUT:
                shutil.rmtree(left, ignore_errors=True)
    found = sorted(folder.glob("[0-9a-f]*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in found[_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
