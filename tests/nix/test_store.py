"""A store of one's own: builds, profiles, garbage."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import nix
from helpers.engines.base import MIB, Image
from helpers.errors import SandboxError
from helpers.nix import NixError, Store
from helpers.nix.places import LabPlace

pytestmark = pytest.mark.live


def derivation(name: str, script: str, inputs: str = "") -> str:
    """A derivation whose builder is a line of shell."""
    return (
        f'derivation {{ name = "{name}"; system = builtins.currentSystem; builder = "/bin/sh"; '
        f'args = [ "-c" "{script}" ]; PATH = "/bin:/usr/bin"; {inputs} }}'
    )


def test_a_build_gives_a_path_and_its_files(store: Store) -> None:
    """What the builder made is in the store, with what it printed; the same build again is the same path."""
    built = store.build(derivation("site", "mkdir $out; echo hello | tee $out/index; ln -s index $out/start"))
    assert built.path.endswith("-site")
    assert store.files(built.path) == {"index": "hello\n", "start": "-> index"}
    assert "hello" in built.log
    again = store.build(derivation("site", "mkdir $out; echo hello | tee $out/index; ln -s index $out/start"))
    assert again.paths == built.paths
    assert "building" not in again.log
    assert store.verify()


def test_files_and_attributes_are_found(store: Store) -> None:
    """`files` lie beside the expression, `attribute` is a path in its value."""
    expression = f"{{ a.b = {derivation('copy', 'cat $src > $out', 'src = ./data.txt;')}; }}"
    built = store.build(expression, files={"data.txt": "some data\n"}, attribute="a.b")
    assert store.read(built.path) == "some data\n"


def test_a_store_knows_what_refers_to_what(store: Store) -> None:
    """Found in the outputs themselves."""
    base = derivation("base", "echo base > $out")
    built = store.build(f"let base = {base}; in {derivation('top', 'echo ${base} > $out')}")
    (reference,) = store.references(built.path)
    assert reference.endswith("-base")
    assert store.closure(built.path) == [reference, built.path]
    assert {built.path, reference} < set(store.paths())


def test_a_profile_has_generations(store: Store) -> None:
    """Each state is kept, one counts; back, forward, and the same again makes none."""
    one, two = (store.build(derivation(name, f"echo {name} > $out")).path for name in ("one", "two"))
    profile = store.profile("system")
    assert (list(profile.generations()), profile.path) == ([], None)
    assert profile.set(one).number == 1
    assert profile.set(two).number == 2
    assert profile.set(two).number == 2
    assert profile.rollback().path == one
    assert store.read(profile.link) == "one\n"
    assert profile.switch(2).path == two
    assert [(g.number, g.current) for g in profile.generations()] == [(1, False), (2, True)]
    assert "current" in str(profile.generations())
    assert "<table" in profile.generations()._repr_html_()
    with pytest.raises(NixError, match=r"version 9 does not exist[\s\S]*generations\(\)"):
        profile.switch(9)
    with pytest.raises(NixError, match="cannot delete current"):
        profile.delete(2)
    assert profile.path == two


def test_garbage_is_what_no_generation_needs(store: Store) -> None:
    """A path is kept as long as a generation holds it, and what it refers to as well."""
    base = derivation("base", "echo base > $out")
    top = store.build(f"let base = {base}; in {derivation('top', 'echo ${base} > $out')}").path
    (kept,) = store.references(top)
    new = store.build(derivation("new", "echo new > $out")).path
    profile = store.profile()
    profile.set(top)
    profile.set(new)
    first = store.collect()
    assert not {top, kept, new} & set(first.paths)
    profile.delete(1)
    second = store.collect()
    assert {top, kept} <= set(second.paths)
    assert store.read(profile.link) == "new\n"
    with pytest.raises(SandboxError, match=r"cannot read"):
        store.read(top)


@pytest.mark.parametrize(
    ("expression", "kind", "said"),
    [
        (derivation("bad", "echo working; mkdir $out; echo of mine >&2; exit 3"), "build", "> of mine"),
        (derivation("nothing", "true"), "build", "failed to produce output"),
        (derivation("net", "curl -sS http://example.com > $out"), "build", "> curl: (6)"),
        ('let x = 1 + "a"; in x', "type", "cannot add a string"),
        ("{ a = 1; }", "build", "gives no derivation"),
        ('builtins.fetchurl "http://example.com/x"', "forbidden", "example.com"),
        ("derivation { }", "missing", "derivation name missing"),
    ],
)
def test_a_build_that_fails_changes_nothing(store: Store, expression: str, kind: str, said: str) -> None:
    """The error tells why; the generation before counts as it did."""
    profile = store.profile()
    profile.set(store.build(derivation("good", "echo good > $out")).path)
    with pytest.raises(NixError) as caught:
        store.build(expression)
    assert caught.value.kind == kind
    assert said in str(caught.value)
    assert store.read(profile.link) == "good\n"
    assert store.verify()


def test_a_build_without_an_end_is_ended(store: Store) -> None:
    """After its time, with nothing of it left running."""
    with pytest.raises(NixError, match="not done after 1 s"):
        store.build(derivation("endless", "sleep 1000"), timeout=1)
    good = store.build(derivation("good", "echo good > $out"))
    assert store.read(good.path) == "good\n"


def test_a_full_store_says_so_and_keeps_what_it_has(image: Image) -> None:
    """What counts is untouched; garbage collected, there is room again."""
    with Store(image=image, disk=16 * MIB) as store:
        profile = store.profile()
        profile.set(store.build(derivation("good", "echo good > $out")).path)
        with pytest.raises(NixError) as caught:
            store.build(derivation("big", "head -c 60000000 /dev/zero > $out"))
        assert (caught.value.kind, "store.collect()" in caught.value.hint) == ("full", True)
        assert store.read(profile.link) == "good\n"
        store.collect()
        assert store.verify()
        assert store.read(store.build(derivation("small", "echo small > $out")).path) == "small\n"


def test_a_folder_keeps_the_store(image: Image, tmp_path: Path) -> None:
    """Paths, profiles and the current generation, for the next owner; one owner at a time."""
    with Store(tmp_path / "mine", image=image) as store:
        one, two = (store.build(derivation(name, f"echo {name} > $out")).path for name in ("one", "two"))
        store.profile().set(one)
        store.profile().set(two)
        store.profile().rollback()
        with pytest.raises(SandboxError, match="is in use"):
            Store(tmp_path / "mine", image=image)
    with Store(tmp_path / "mine", image=image) as store:
        assert store.verify()
        assert store.profile().path == one
        assert store.read(store.profile().switch(2).path) == "two\n"
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["nix.lock", "nix.tar"]


_KILLED = """
import os, signal, sys
from pathlib import Path
from helpers.engines.base import Image
from helpers.nix import Store
store = Store(sys.argv[1], image=Image(Path(sys.argv[2]), sys.argv[3]))
profile = store.profile()
profile.set(store.build(sys.argv[4]).path)
profile.set(store.build(sys.argv[5]).path)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_owner_leaves_the_last_whole_state(image: Image, tmp_path: Path) -> None:
    """Nobody was asked to save, and the folder is free for the next."""
    words = [str(tmp_path / "mine"), str(image.rootfs), image.digest]
    scripts = [derivation(name, f"echo {name} > $out") for name in ("one", "two")]
    done = subprocess.run([sys.executable, "-c", _KILLED, *words, *scripts], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    with Store(tmp_path / "mine", image=image) as store:
        assert store.verify()
        assert store.read(store.profile().link) == "two\n"
        assert store.read(store.profile().rollback().path) == "one\n"


def test_a_folder_that_holds_no_store_is_told(image: Image, tmp_path: Path) -> None:
    """And stays as it is."""
    (tmp_path / "nix.tar").write_text("no archive")
    with pytest.raises(SandboxError, match=r"nix\.tar does not fit, or is no store"):
        Store(tmp_path, image=image)
    assert (tmp_path / "nix.tar").read_text() == "no archive"


def test_a_store_can_be_inside_a_running_lab(image: Image) -> None:
    """The sandbox is the lab's: closing the store leaves it running."""
    from helpers.bare import sandbox

    with sandbox(["/usr/bin/tini", "--", "/bin/sleep", "1000"], image=image) as box:
        with Store(inside=box.sandbox) as store:
            built = store.build(derivation("one", "echo one > $out"))
        assert box.sandbox.read(built.path) == b"one\n"


@pytest.mark.docker
def test_the_docker_engine_has_a_store_too() -> None:
    """And evaluates."""
    place = LabPlace("docker")
    assert nix.eval("1 + 1", place=place) == 2
    place.close()
    with Store(engine="docker") as store:
        built = store.build(derivation("one", "echo one > $out"))
        assert store.read(store.profile().set(built.path).path) == "one\n"
