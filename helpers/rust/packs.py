"""A pack: what one computer has built of the course's crates, as one file for those without Rust.

It is a ZIP file: `manifest.json`, and the programs it names. Taken into the cache it lies there as it is::

    <cache>/rust/packed/<id16>/manifest.json
                              /programs/<crate>-<digest>/<program>

A program of a pack is used only where its sources are, byte for byte, those that lie here (`Crate.digest`),
and only where there is no toolchain to build them with.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from helpers.rust.crates import Crate
from helpers.rust.messages import Diagnostic
from helpers.rust.shown import shown
from helpers.rust.toolchain import RustError

__all__ = ["Entry", "Manifest", "complete", "find", "home", "use", "write"]

MAKE = "initlab rust pack FILE, on a computer with Rust and this version of the course"
_MANIFEST = "manifest.json"
_MOST_MANIFEST = 1_000_000  # bytes
_MOST_PROGRAM = 100_000_000
_NAME = r"^[a-z0-9][a-z0-9_-]*$"
_HEX16, _HEX64 = r"^[0-9a-f]{16}$", r"^[0-9a-f]{64}$"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Program(_Strict):
    """A program: its name, the SHA-256 of its bytes, and how many they are."""

    name: str = Field(pattern=_NAME)
    sha256: str = Field(pattern=_HEX64)
    size: int = Field(ge=1, le=_MOST_PROGRAM)


class Entry(_Strict):
    """What became of one crate: its programs, or what the compiler said in place of them."""

    crate: str = Field(pattern=_NAME)
    digest: str = Field(pattern=_HEX16)
    profile: Literal["dev", "release"]
    programs: tuple[Program, ...]
    diagnostics: tuple[Diagnostic, ...] = ()

    def member(self, program: Program) -> str:
        """Where in the pack a program lies."""
        return f"programs/{self.crate}-{self.digest}/{program.name}"


class Manifest(_Strict):
    """`rustc` is the line that rustc says of itself, `machine` what uname(2) says of the computer."""

    format: Literal["initlab-rust-pack/1"] = "initlab-rust-pack/1"
    rustc: str = Field(max_length=200)
    machine: str = Field(max_length=40)
    entries: tuple[Entry, ...]

    @property
    def members(self) -> Mapping[str, Program]:
        """Every program by its place in the pack."""
        return {entry.member(program): program for entry in self.entries for program in entry.programs}


def home() -> Path:
    """The folder of the cache in which packs lie."""
    from helpers.image.cache import cache_folder

    return cache_folder() / "rust" / "packed"


def find(crate: Crate, profile: str) -> tuple[Manifest, Entry, Mapping[str, Path]] | None:
    """What a pack that was taken has of a crate, with its programs by name. None where none has it."""
    if not home().is_dir():
        return None
    for path in sorted(home().glob(f"[0-9a-f]*/{_MANIFEST}")):
        manifest = _parsed(path.read_bytes(), path)
        for entry in manifest.entries:
            if (entry.crate, entry.digest, entry.profile) == (crate.name, crate.digest, profile):
                programs = {one.name: path.parent / entry.member(one) for one in entry.programs}
                if all(program.is_file() for program in programs.values()):
                    return manifest, entry, programs
    return None


def complete() -> bool:
    """Whether a pack has all that the notebooks show, as it is now."""
    return all(find(crate, profile) for crate, profile in shown())


def write(path: Path, *, progress: bool = True) -> Manifest:
    """Build all that the notebooks show and write it to a new file, whole or not at all.

    Raises `RustError` where it cannot be built, where the file is there already, or cannot be written.
    """
    from helpers.rust.builds import compiles
    from helpers.rust.toolchain import toolchain

    if path.exists():
        raise RustError(f"{path} is there already", hint="another name, or remove it first")
    tools = toolchain(progress=progress)  # first of all: what a pack has brought is not packed again
    entries, data = [], {}
    for crate, profile in shown():
        built = compiles(crate, profile=profile, progress=progress)
        read = {name: program.read_bytes() for name, program in built.programs.items()}
        programs = tuple(
            Program(name=name, sha256=sha256(text).hexdigest(), size=len(text)) for name, text in read.items()
        )
        said = () if built.ok else built.diagnostics
        entry = Entry(
            crate=crate.name,
            digest=crate.digest,
            profile=_profile(profile),
            programs=programs,
            diagnostics=said,
        )
        entries.append(entry)
        data.update({entry.member(one): read[one.name] for one in programs})
    manifest = Manifest(rustc=tools.version, machine=os.uname().machine, entries=tuple(entries))
    try:
        _archive(path, manifest, data)
    except OSError as error:
        raise RustError(f"{path}: {error.strerror}", hint="initlab rust pack /another/folder/FILE") from None
    return manifest


def _profile(name: str) -> Literal["dev", "release"]:
    return "release" if name == "release" else "dev"


def _archive(path: Path, manifest: Manifest, data: Mapping[str, bytes]) -> None:
    """Beside the file, then under its name. The same content gives the same bytes."""
    handle, staging = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            texts = {_MANIFEST: (manifest.model_dump_json(indent=1) + "\n").encode(), **data}
            for name, text in texts.items():
                info = zipfile.ZipInfo(name)
                info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o100644 << 16
                archive.writestr(info, text)
        Path(staging).chmod(0o644)
        os.link(staging, path)  # fails where somebody else has made it meanwhile
    finally:
        Path(staging).unlink(missing_ok=True)


def use(path: Path) -> Manifest:
    """Take a pack into the cache, where it replaces others. Nothing of it is taken where anything is wrong.

    Looked at: the format, every member's name, SHA-256 and size, the machine, and whether it was made of the
    sources that lie here. Raises `RustError` that names the file, what is wrong and the next command.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            manifest, data = _verified(archive, path)
    except FileNotFoundError:
        raise RustError(f"{path}: no such file", hint=MAKE) from None
    except OSError as error:
        raise RustError(f"{path}: {error.strerror or error}", hint=f"ls -l {path}") from None
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise RustError(f"{path} is no pack, or was cut off: {error}", hint=MAKE) from None
    try:
        _keep(manifest, data)
    except OSError as error:
        raise RustError(
            f"{error.filename or home()}: {error.strerror or error}",
            hint=f"make room, or use another folder: INITLAB_CACHE=/folder initlab rust use {path}",
        ) from None
    return manifest


def _parsed(text: bytes, path: Path) -> Manifest:
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise RustError(f"{path}: manifest.json: {where}: {first['msg']}", hint=MAKE) from None


def _verified(archive: zipfile.ZipFile, path: Path) -> tuple[Manifest, dict[str, bytes]]:
    members = archive.infolist()
    names = [member.filename for member in members]
    if _MANIFEST not in names:
        raise RustError(f"{path} is no pack: it has no {_MANIFEST}", hint=MAKE)
    if archive.getinfo(_MANIFEST).file_size > _MOST_MANIFEST:
        raise RustError(f"{path}: its {_MANIFEST} is larger than any pack's", hint=MAKE)
    manifest = _parsed(archive.read(_MANIFEST), path)
    if (machine := os.uname().machine) != manifest.machine:
        raise RustError(
            f"{path} is for {manifest.machine}; this computer is {machine}",
            hint=f"initlab rust pack FILE, on a {machine} computer with Rust",
        )
    if why := next(_other_sources(manifest), ""):
        raise RustError(f"{path}: {why}", hint=MAKE)
    # Only names that the manifest gives, which its patterns keep below our folder.
    if strange := next((name for name in names if name not in manifest.members and name != _MANIFEST), None):
        raise RustError(f"{path}: {strange!r} is not in its manifest", hint=MAKE)
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise RustError(f"{path}: {twice!r} is in it twice", hint=MAKE)
    data = {}
    for name, program in manifest.members.items():
        if name not in names:
            raise RustError(f"{path}: {name} is missing", hint=MAKE)
        if archive.getinfo(name).file_size != program.size:
            raise RustError(f"{path}: {name} has another size than its manifest says", hint=MAKE)
        data[name] = archive.read(name)
        if sha256(data[name]).hexdigest() != program.sha256:
            raise RustError(f"{path}: {name} has another SHA-256 than its manifest says", hint=MAKE)
    return manifest, data


def _other_sources(manifest: Manifest) -> Iterator[str]:
    """What is not made of what lies here, or not shown by the course, in words."""
    wanted = {(crate.name, crate.digest, profile) for crate, profile in shown()}
    found = {(entry.crate, entry.digest, entry.profile) for entry in manifest.entries}
    for crate, digest, profile in sorted(wanted - found):
        others = sorted(other for name, other, how in found - wanted if (name, how) == (crate, profile))
        instead = f"it has {others[0]}" if others else "it has none"
        yield f"made from other sources: of {crate} the course has {digest}, {instead}"
    for crate, digest, _ in sorted(found - wanted):
        yield f"it holds {crate} {digest}, which the course does not show"


def _keep(manifest: Manifest, data: Mapping[str, bytes]) -> None:
    """One pack lies there, whole or not at all; what somebody left half-way goes with the others."""
    from filelock import FileLock

    text = manifest.model_dump_json(indent=1) + "\n"
    folder = home()
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        for old in folder.iterdir():
            if old.is_dir():
                shutil.rmtree(old)
        staging = Path(tempfile.mkdtemp(prefix=".", dir=folder))
        try:
            for name, program in data.items():
                file = staging / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(program)
                file.chmod(0o755)
            (staging / _MANIFEST).write_text(text)
            staging.chmod(0o755)
            staging.rename(folder / sha256(text.encode()).hexdigest()[:16])
        finally:
            shutil.rmtree(staging, ignore_errors=True)
