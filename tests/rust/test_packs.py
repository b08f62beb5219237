"""Packs: what one computer has built, taken over by one without Rust. The compiler is played here."""

from __future__ import annotations

import json
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers import cli, rust
from helpers.course.needs import lacking
from helpers.engines.base import Availability
from helpers.inits.supervisor_rs import SupervisorRs
from helpers.rust import builds, packs
from helpers.rust.crates import Crate

RUSTC = "rustc 1.85.0 (played)"
Edit = Callable[[dict[str, Any], dict[str, bytes]], None]


@pytest.fixture
def seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A crate, which is all that the course shows; a computer without Rust, and an empty cache."""
    folder = tmp_path / "seed"
    (folder / "src").mkdir(parents=True)
    (folder / "tests").mkdir()
    (folder / "Cargo.toml").write_text('[package]\nname = "seed"\nversion = "0.1.0"\n')
    (folder / "src" / "main.rs").write_text('fn main() { println!("sown"); }\n')
    broken = Crate.of(folder).changed("src/main.rs", "fn main() { sow }\n")
    monkeypatch.setattr(packs, "shown", lambda: iter([(Crate.of(folder), "release"), (broken, "dev")]))
    monkeypatch.setenv("INITLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(builds, "availability", lambda: Availability(False, "no cargo here", "initlab rust"))

    def none(**_: object) -> None:
        raise rust.RustError("no cargo here", hint="initlab rust")

    monkeypatch.setattr(builds, "toolchain", none)
    return folder


@pytest.fixture
def pack(seed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pack of it, as a computer with Rust writes it."""
    program = tmp_path / "made" / "seed"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho sown\n")
    complaint = rust.Diagnostic(
        "error", "E0425", "cannot find value `sow`", "src/main.rs", 1, "error[E0425]: sow"
    )

    def compiles(crate: Crate, **_: object) -> builds.Built:
        good = "println" in crate.text("src/main.rs")
        return builds.Built("seed", {"seed": program} if good else {}, () if good else (complaint,))

    path = tmp_path / "seed.pack"
    with monkeypatch.context() as with_rust:
        tools = rust.Toolchain("host", RUSTC, "x86_64-unknown-linux-gnu", "cargo")
        with_rust.setattr(builds, "compiles", compiles)
        with_rust.setattr("helpers.rust.toolchain.toolchain", lambda **_: tools)
        packs.write(path)
    return path


def rewritten(pack: Path, edit: Edit) -> Path:
    """A copy of a pack, with its manifest and its programs changed."""
    with zipfile.ZipFile(pack) as archive:
        data = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(data.pop("manifest.json"))
    edit(manifest, data)
    path = pack.with_name("other.pack")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", json.dumps(manifest))
        for name, text in data.items():
            archive.writestr(name, text)
    return path


def test_without_rust_a_pack_gives_the_program_and_says_whose_it_is(seed: Path, pack: Path) -> None:
    """Found by the digest of its sources, and it runs."""
    with pytest.raises(rust.RustError, match="no cargo here"):
        rust.build(seed, progress=False)
    packs.use(pack)
    program = rust.build(seed, progress=False)
    assert subprocess.run([str(program)], capture_output=True, text=True, check=True).stdout == "sown\n"
    assert RUSTC in str(rust.compiles(seed, profile="release"))
    assert packs.complete()


def test_what_the_compiler_said_comes_along(seed: Path, pack: Path) -> None:
    """A crate that does not compile is shown as it would be here."""
    packs.use(pack)
    built = rust.compiles(Crate.of(seed).changed("src/main.rs", "fn main() { sow }\n"))
    assert not built.ok
    assert "error[E0425]" in str(built)
    assert RUSTC in str(built)


def test_other_sources_are_not_answered_for(seed: Path, pack: Path) -> None:
    """What a learner has changed has to be compiled; a test of the crate is no part of a program."""
    packs.use(pack)
    (seed / "tests" / "more.rs").write_text("// a test\n")
    assert rust.build(seed, progress=False).is_file()
    (seed / "src" / "main.rs").write_text("fn main() {}\n")
    with pytest.raises(rust.RustError, match="no cargo here"):
        rust.build(seed, progress=False)
    assert not packs.complete()


def test_a_pack_of_other_sources_is_refused(seed: Path, pack: Path) -> None:
    """With both digests, and what to do."""
    (seed / "src" / "main.rs").write_text("fn main() {}\n")
    with pytest.raises(rust.RustError, match=r"seed\.pack: made from other sources: of seed") as told:
        packs.use(pack)
    assert "initlab rust pack FILE" in told.value.hint
    assert not packs.home().exists()


def _other_format(manifest: dict[str, Any], _: dict[str, bytes]) -> None:
    manifest["format"] = "initlab-rust-pack/9"


def _other_machine(manifest: dict[str, Any], _: dict[str, bytes]) -> None:
    manifest["machine"] = "pdp11"


def _other_bytes(_: dict[str, Any], data: dict[str, bytes]) -> None:
    (name,) = data
    data[name] = data[name].replace(b"sown", b"mown")


def _cut_short(_: dict[str, Any], data: dict[str, bytes]) -> None:
    (name,) = data
    data[name] = data[name][:5]


def _gone(_: dict[str, Any], data: dict[str, bytes]) -> None:
    data.clear()


def _climbs(_: dict[str, Any], data: dict[str, bytes]) -> None:
    data["../../climbs"] = b"out"


def _name_climbs(manifest: dict[str, Any], _: dict[str, bytes]) -> None:
    manifest["entries"][0]["programs"][0]["name"] = "../seed"


def _more(manifest: dict[str, Any], _: dict[str, bytes]) -> None:
    manifest["entries"].append({**manifest["entries"][1], "crate": "weed"})


def _too_few(manifest: dict[str, Any], _: dict[str, bytes]) -> None:
    del manifest["entries"][1]


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (_other_format, "format"),
        (_other_machine, "is for pdp11; this computer is"),
        (_other_bytes, r"programs/seed-\w+/seed has another SHA-256"),
        (_cut_short, "another size"),
        (_gone, r"programs/seed-\w+/seed is missing"),
        (_climbs, "'../../climbs' is not in its manifest"),
        (_name_climbs, r"entries\.0\.programs\.0\.name"),
        (_more, "it holds weed"),
        (_too_few, "it has none|it has [0-9a-f]{16}"),
    ],
)
def test_a_pack_in_which_something_is_wrong_is_refused_whole(pack: Path, edit: Edit, told: str) -> None:
    """The message names the file and what is wrong; nothing of it is in the cache."""
    other = rewritten(pack, edit)
    with pytest.raises(rust.RustError, match=rf"other\.pack.*({told})") as error:
        packs.use(other)
    assert "initlab rust pack FILE" in error.value.hint
    assert not packs.home().exists()


def test_a_file_that_is_no_pack_or_is_not_there_is_said_to_be_so(seed: Path, tmp_path: Path) -> None:
    """At the command line: status 2 and the file's name."""
    (tmp_path / "text").write_text("no archive\n")
    with pytest.raises(rust.RustError, match="text is no pack"):
        packs.use(tmp_path / "text")
    with pytest.raises(rust.RustError, match="missing: no such file"):
        packs.use(tmp_path / "missing")
    with pytest.raises(SystemExit) as ended:
        cli.main(["rust", "use", str(tmp_path / "missing")])
    assert ended.value.code == 2


def test_what_needs_rust_and_compiles_nothing_new_is_content_with_a_pack(
    seed: Path, pack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A learner edition runs; what compiles does not, and says how to get Rust."""
    none = Availability(False, "no cargo here", "initlab rust")
    monkeypatch.setattr("helpers.rust.toolchain.availability", lambda: none)
    assert "initlab rust" in lacking(["rust"], prebuilt=True)
    packs.use(pack)
    assert lacking(["rust"], prebuilt=True) == ""
    assert "no cargo here (next: initlab rust)" in lacking(["rust"])


def test_a_second_pack_takes_the_place_of_the_first(seed: Path, pack: Path) -> None:
    """What was taken before goes, also where it was damaged, or was never finished."""
    packs.use(pack)
    rust.build(seed, progress=False).unlink()
    (packs.home() / ".half").mkdir()
    with pytest.raises(rust.RustError):
        rust.build(seed, progress=False)
    packs.use(pack)
    assert rust.build(seed, progress=False).is_file()
    assert len([path for path in packs.home().iterdir() if path.is_dir()]) == 1


def test_a_file_that_is_there_is_not_written_over(pack: Path) -> None:
    """It may be anything."""
    before = pack.read_bytes()
    with pytest.raises(rust.RustError, match="is there already"):
        packs.write(pack)
    assert pack.read_bytes() == before


def test_the_init_supervisor_rs_is_there_by_a_pack_alone(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both programs of it, and nothing is missing."""
    none = Availability(False, "no cargo here", "initlab rust")
    monkeypatch.setattr(rust, "availability", lambda: none)
    without = SupervisorRs()
    assert list(without.carried()) == []
    assert without.lacks() == "no cargo here"
    crate = Crate.of("supervisor-rs")
    monkeypatch.setattr(packs, "shown", lambda: iter([(crate, "release")]))

    def edit(manifest: dict[str, Any], data: dict[str, bytes]) -> None:
        entry, (member,) = manifest["entries"][0], tuple(data)
        text = data.pop(member)
        program = entry["programs"][0]
        entry |= {"crate": crate.name, "digest": crate.digest}
        entry["programs"] = [{**program, "name": name} for name in ("supervisor-rs", "supervisorctl-rs")]
        data |= {f"programs/{crate.name}-{crate.digest}/{one['name']}": text for one in entry["programs"]}
        del manifest["entries"][1:]

    packs.use(rewritten(pack, edit))
    init = SupervisorRs()
    assert sorted(init.carried().entries) == [
        "/usr/local/bin/supervisor-rs",
        "/usr/local/bin/supervisorctl-rs",
    ]
    assert init.lacks() == ""
