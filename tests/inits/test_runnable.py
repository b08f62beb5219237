"""`registry.runnable`: whether an init boots from an image under an engine, and what mends it."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from helpers.engines.base import Availability, Engine, Image
from helpers.errors import EngineUnavailable, LabError, RenderError
from helpers.filetree import FileTree
from helpers.inits import registry
from helpers.lab import Lab

from .manifests import INITS, MANIFESTS


class Somewhere:
    """An engine that says what it is told to say, and starts nothing."""

    name = "somewhere"

    def __init__(self, can: Availability, divide: Availability) -> None:
        self._can, self._divide = can, divide

    def availability(self) -> Availability:
        return self._can

    def cgroup_availability(self) -> Availability:
        return self._divide

    def start(self, *_args: object, **_fields: object) -> None:
        if not self._can.ok:
            raise EngineUnavailable(self._can.reason, hint=self._can.mend)
        raise AssertionError("started")


YES = Availability(True)
NO = Availability(False, "no daemon", "start it")
NO_CGROUP = Availability(False, "a cgroup needs root", "sudo initlab open")


def somewhere(can: Availability = YES, divide: Availability = YES) -> Engine:
    return cast(Engine, Somewhere(can, divide))


@pytest.fixture
def bare(tmp_path: Path) -> Image:
    """An image with tini in it and nothing else, its folders linked as Debian's are."""
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/sbin").mkdir()
    (tmp_path / "usr/bin/tini").write_bytes(b"\x7fELF")
    (tmp_path / "sbin").symlink_to("usr/sbin")
    return Image(tmp_path, "bare")


def test_an_init_that_is_in_the_image_can_run(bare: Image) -> None:
    """The program's path is there: yes, and no words."""
    assert registry.runnable("tini", bare, engine=somewhere()) == YES


def test_an_init_that_is_missing_is_named_with_its_path_and_what_brings_it(bare: Image) -> None:
    """What the recipe has comes with a new image; what no Debian suite has is to be laid over it."""
    found = registry.runnable("finit", bare, engine=somewhere())
    assert (found.ok, found.reason) == (False, "the image has no finit: there is no /sbin/finit in it")
    assert found.mend == "initlab image build (the recipe has finit)"
    found = registry.runnable("dinit", bare, engine=somewhere())
    assert found.reason == "the image has no dinit: there is no /usr/sbin/dinit in it"
    assert "Debian has no dinit" in found.mend
    assert 'tree.add("/usr/sbin/dinit"' in found.mend


@pytest.mark.parametrize("path", ["/usr/sbin/dinit", "/sbin/dinit"])
def test_an_init_that_is_laid_over_the_image_can_run(bare: Image, path: str) -> None:
    """A lab's own tree counts, by whatever path of the image it is laid."""
    tree = FileTree()
    tree.add(path, b"\x7fELF", 0o755)
    assert registry.runnable("dinit", bare, engine=somewhere(), tree=tree).ok
    assert not registry.runnable("finit", bare, engine=somewhere(), tree=tree).ok


def test_an_engine_that_cannot_run_says_so_itself(bare: Image) -> None:
    """Its own reason and mend."""
    assert registry.runnable("tini", bare, engine=somewhere(can=NO)) == NO


def test_a_cgroup_is_asked_for_where_the_init_needs_one(bare: Image) -> None:
    """systemd alone: named, with the engine's mend."""
    (bare.rootfs / "usr/lib/systemd").mkdir(parents=True)
    (bare.rootfs / "usr/lib/systemd/systemd").write_bytes(b"\x7fELF")
    found = registry.runnable("systemd", bare, engine=somewhere(divide=NO_CGROUP))
    assert not found.ok
    assert found.reason == "systemd needs a cgroup of its own to divide: a cgroup needs root"
    assert found.mend == "sudo initlab open"
    assert registry.runnable("systemd", bare, engine=somewhere()).ok
    assert registry.runnable("tini", bare, engine=somewhere(divide=NO_CGROUP)).ok


def test_an_unknown_init_is_refused(bare: Image) -> None:
    """As `get` does."""
    with pytest.raises(RenderError, match="no init 'tinit'"):
        registry.runnable("tinit", bare)


def test_the_recipe_brings_all_but_dinit_and_supervisor_rs() -> None:
    """`provided` names what the image has; `names` has the rest too."""
    assert [name for name in INITS if name not in registry.provided()] == ["dinit", "supervisor-rs", "horust"]


def test_without_rust_supervisor_rs_is_absent_and_says_why(
    bare: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing raises: what this computer lacks, and the command that mends it."""
    from helpers import rust

    monkeypatch.setattr(rust, "availability", lambda: Availability(False, "this computer has no cargo", "x"))
    monkeypatch.setattr(rust, "packed", lambda _: None)
    lab = Lab(MANIFESTS["web"], init="supervisor-rs", engine=somewhere(), image=bare)
    with pytest.raises(
        LabError, match="no /usr/local/bin/supervisor-rs in it; this computer has no cargo"
    ) as error:
        lab.start()
    assert "initlab rust" in error.value.hint


def test_a_lab_with_an_init_that_cannot_run_says_which_and_why(bare: Image) -> None:
    """`Lab.start` raises before anything is started; where the engine cannot run, the engine's own error."""
    lab = Lab(MANIFESTS["web"], init="dinit", engine=somewhere(), image=bare)
    with pytest.raises(LabError, match="dinit cannot run here: the image has no dinit") as error:
        lab.start()
    assert "tree.add" in error.value.hint
    with pytest.raises(EngineUnavailable, match="no daemon"):
        Lab(MANIFESTS["web"], init="tini", engine=somewhere(can=NO), image=bare).start()


@pytest.mark.live
@pytest.mark.parametrize("name", registry.provided())
def test_every_init_of_the_recipe_is_in_the_image(name: str, image: Image) -> None:
    """What `provided` promises, `runnable` finds."""
    assert registry.runnable(name, image).reason == ""
