"""The cache: an image is whole or it is not there, whoever was killed when."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helpers.errors import ImageError
from helpers.image.cache import Cache, cache_folder
from helpers.image.progress import SilentReport
from helpers.image.recipe import Package, Recipe

from .conftest import Tree

QUIET = SilentReport()

# Another process that builds the tiny image: announces each build in a file, then runs `slow` under guard.
_OTHER = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from tests.image.conftest import Tree
from helpers.image.cache import Cache
from helpers.image.progress import SilentReport
from helpers.image.recipe import Package, Recipe

packages = (Package("tiny-init", "2.2", "test", ("/usr/sbin/init",)),)
recipe = Recipe("trixie", "minbase", ("main",), packages, (), "true\\n", "amd64")

class Slow(Tree):
    def __call__(self, recipe, staging, report, log):
        owners = super().__call__(recipe, staging, report, log)
        with open({builds!r}, "a") as file:
            print(staging.folder, file=file, flush=True)
        status = staging.run({command!r}, lambda line: None)
        if status:
            raise SystemExit(f"builder: {{status}}")
        return owners

image = Cache(Path({cache!r})).ensure(recipe, Slow(), SilentReport())
print(image.rootfs)
"""


def until(happened: Callable[[], object], what: str, seconds: float = 20.0) -> None:
    """Poll until something holds."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, f"after {seconds} s still not: {what}"
        time.sleep(0.02)


class Others:
    """Other processes building the tiny image in the same cache."""

    def __init__(self, folder: Path, python: str) -> None:
        self.builds = folder / "builds"
        self._folder = folder
        self._python = python
        self._started: list[subprocess.Popen[str]] = []

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start one whose build runs `command`; it leads a process group of its own."""
        script = _OTHER.format(
            tests=str(Path(__file__).parents[2]),
            builds=str(self.builds),
            command=list(command),
            cache=str(self._folder / "cache"),
        )
        process = subprocess.Popen(
            [self._python, "-c", script],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def started_builds(self) -> list[str]:
        """The staging folders builds began in."""
        return self.builds.read_text().splitlines() if self.builds.exists() else []

    def close(self) -> None:
        """Kill what still runs."""
        for process in self._started:
            process.kill()
            process.communicate()


@pytest.fixture
def others(tmp_path: Path, python: str) -> Iterator[Others]:
    """A starter of other processes; what still runs at the end is killed."""
    starter = Others(tmp_path, python)
    yield starter
    starter.close()


def running(marker: str) -> list[int]:
    """PIDs of processes with `marker` among their arguments."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and marker.encode() in (entry / "cmdline").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_an_absent_image_is_built_and_then_found(cache: Cache, recipe: Recipe, builder: Tree) -> None:
    """Built once; the tree, its record and its hashes are there."""
    assert cache.state(recipe).state == "absent"
    image = cache.ensure(recipe, builder, QUIET)
    assert cache.ensure(recipe, builder, QUIET) == image
    assert builder.builds == 1
    assert image.rootfs == cache.images / recipe.digest[:12] / "rootfs"
    state = cache.state(recipe)
    assert (state.state, state.packages, state.digest) == ("ready", 2, recipe.digest)
    assert Cache.owners_beside(image.rootfs) == {"etc/shadow": (0, 42, 0o640)}
    assert sorted(path.name for path in cache.images.iterdir()) == [recipe.short, f"{recipe.short}.lock"]


def _delete(root: Path) -> None:
    (root / "etc/hostname").unlink()


def _truncate(root: Path) -> None:
    (root / "etc/hostname").write_text("")


def _touch(root: Path) -> None:
    (root / "etc/hostname").write_text("bal\n")


def _add(root: Path) -> None:
    (root / "etc/new").touch()


def _chmod(root: Path) -> None:
    (root / "usr/sbin/tiny").chmod(0o644)


def _relink(root: Path) -> None:
    (root / "usr/sbin/init").unlink()
    (root / "usr/sbin/init").symlink_to("/bin/false")


def _swap(root: Path) -> None:
    (root / "etc/hostname").unlink()
    (root / "etc/hostname").mkdir()


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (_delete, "/etc/hostname is missing"),
        (_truncate, "/etc/hostname was changed (4 bytes became 0)"),
        (_touch, "/etc/hostname was changed (written after the build)"),
        (_add, "/etc/new was added"),
        (_chmod, "/usr/sbin/tiny was changed (mode 0755 became 0644)"),
        (_relink, "/usr/sbin/init was changed"),
        (_swap, "/etc/hostname was changed (another kind of file)"),
    ],
)
def test_a_broken_image_is_named_and_built_again(
    cache: Cache, recipe: Recipe, builder: Tree, harm: Callable[[Path], None], told: str
) -> None:
    """A deleted, truncated or changed file is detected on use; the image is rebuilt by itself."""
    image = cache.ensure(recipe, builder, QUIET)
    harm(image.rootfs)
    assert cache.verify(recipe).startswith(told)
    assert cache.state(recipe).state == "broken"
    said: list[str] = []

    class Listener(SilentReport):
        def say(self, text: str) -> None:
            said.append(text)

    Cache(cache.folder).ensure(recipe, builder, Listener(), deep=True)
    assert builder.builds == 2
    assert cache.verify(recipe, deep=True) == ""
    assert any(told in text for text in said)


def test_bytes_changed_behind_the_clocks_back_are_found_by_the_deep_check(
    cache: Cache, recipe: Recipe, builder: Tree
) -> None:
    """The quick check reads no content; the deep one reads every byte."""
    file = cache.ensure(recipe, builder, QUIET).rootfs / "etc/hostname"
    before = file.stat()
    file.write_text("bal\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert cache.verify(recipe) == ""
    assert cache.verify(recipe, deep=True) == "/etc/hostname has other bytes than were built"


@pytest.mark.parametrize("name", ["complete.json", "hashes.json"])
@pytest.mark.parametrize("content", [None, "", '{"format": 1', "[]"])
def test_a_tree_without_its_record_is_no_image(
    cache: Cache, recipe: Recipe, builder: Tree, name: str, content: str | None
) -> None:
    """A half-built cache is detected and rebuilt."""
    cache.ensure(recipe, builder, QUIET)
    record = cache.path(recipe) / name
    record.unlink()
    if content is not None:
        record.write_text(content)
    assert name in cache.verify(recipe, deep=True)
    cache.ensure(recipe, builder, QUIET, deep=True)
    assert builder.builds == 2
    assert cache.verify(recipe, deep=True) == ""


def test_an_image_of_another_recipe_under_our_name_is_not_ours(
    cache: Cache, recipe: Recipe, builder: Tree
) -> None:
    """The record holds the whole digest, the folder's name only 12 digits of it."""
    cache.ensure(recipe, builder, QUIET)
    record = cache.path(recipe) / "complete.json"
    data = json.loads(record.read_text())
    record.write_text(json.dumps({**data, "digest": recipe.short + "0" * 52}))
    assert cache.verify(recipe) == "it was built from another recipe"


def test_another_users_image_is_refused_with_a_way_out(cache: Cache, recipe: Recipe, builder: Tree) -> None:
    """Files of another owner cannot be changed in a lab (user_namespaces(7)): better told than met."""
    cache.ensure(recipe, builder, QUIET)
    record = cache.path(recipe) / "complete.json"
    data = json.loads(record.read_text())
    record.write_text(json.dumps({**data, "owner": data["owner"] + 1}))
    with pytest.raises(ImageError, match="belongs to another user") as caught:
        cache.verify(recipe)
    assert "INITLAB_CACHE=" in caught.value.hint


def test_a_build_that_is_not_what_the_recipe_promises_is_no_image(
    cache: Cache, recipe: Recipe, builder: Tree
) -> None:
    """Versions and programs are verified after a build; all faults are listed at once."""
    packages = (Package("tiny-init", "3.0", "test", ("/usr/sbin/gone",)), Package("s6", "2", "test"))
    other = Recipe(recipe.suite, recipe.variant, recipe.components, packages, (), "", "amd64")
    with pytest.raises(ImageError) as caught:
        cache.ensure(other, builder, QUIET)
    assert "tiny-init is 1:2.2.0-3, the lessons expect 3.0" in caught.value.message
    assert "tiny-init: /usr/sbin/gone cannot be run" in caught.value.message
    assert "s6 is not installed" in caught.value.message
    assert [path.name for path in cache.images.iterdir()] == [f"{other.short}.lock"]


def test_two_builders_make_one_image(recipe: Recipe, others: Others) -> None:
    """Concurrent builders are serialised and the second reuses the first's result."""
    first = others.start("sleep", "0.5")
    until(others.started_builds, "the first build began")
    second = others.start("sleep", "0.5")
    outputs = {process.communicate(timeout=30)[0] for process in (first, second)}
    assert len(others.started_builds()) == 1
    assert len(outputs) == 1
    assert outputs != {""}


@pytest.mark.parametrize("whole_group", [False, True], ids=["the builder", "the builder and its guard"])
def test_a_builder_killed_with_sigkill_leaves_no_image_and_no_process(
    cache: Cache, recipe: Recipe, builder: Tree, others: Others, whole_group: bool
) -> None:
    """kill -9 mid-build: nothing is mistaken for an image, and the next build cleans the leftovers."""
    # The inner sleep is put where neither a process group nor a parent would lead to it.
    forever = "31536000.25" if whole_group else "31536000.5"
    victim = others.start("sh", "-c", f"setsid sleep {forever} & sleep {forever}")
    until(lambda: len(running(forever)) == 2, "the builder's tools run")
    os.killpg(victim.pid, signal.SIGKILL) if whole_group else victim.kill()
    victim.wait()
    if whole_group:
        assert running(forever), "this case is about processes that outlive everybody who knew them"
    else:
        until(lambda: not running(forever), "the guard ended the builder's tools")
    assert cache.state(recipe).state == "absent"
    cache.ensure(recipe, builder, QUIET)
    assert cache.verify(recipe, deep=True) == ""
    assert not running(forever)
    assert not list(cache.images.glob("building-*"))


def test_a_builder_interrupted_by_ctrl_c_cleans_up_itself(cache: Cache, others: Others) -> None:
    """Ctrl-C leaves nothing at all."""
    forever = "31536000.75"
    victim = others.start("sleep", forever)
    until(lambda: running(forever), "the builder's tool runs")
    os.killpg(victim.pid, signal.SIGINT)
    _, errors = victim.communicate(timeout=20)
    assert "KeyboardInterrupt" in errors
    assert not running(forever)
    assert not list(cache.images.glob("building-*"))


def test_a_living_build_of_another_recipe_is_left_alone(
    cache: Cache, recipe: Recipe, builder: Tree, others: Others
) -> None:
    """Leftovers are told from living builds by their lock."""
    living = others.start("sleep", "2")
    until(others.started_builds, "the other build began")
    other = Recipe("forky", recipe.variant, recipe.components, recipe.packages, (), "", "amd64")
    cache.ensure(other, builder, QUIET)
    assert [text for text in cache.clean(lambda short: True) if "unfinished" in text] == []
    output, errors = living.communicate(timeout=30)
    assert output, errors


def test_clean_removes_only_what_is_unwanted(cache: Cache, recipe: Recipe, builder: Tree) -> None:
    """Old images of other digests are removed by clean() only; the current one stays."""
    old = Recipe("forky", recipe.variant, recipe.components, recipe.packages, (), "", "amd64")
    cache.ensure(old, builder, QUIET)
    cache.ensure(recipe, builder, QUIET)
    assert cache.state(old).state == "ready"
    assert cache.clean(lambda short: short != recipe.short) == [f"removed image {old.short}"]
    assert cache.state(old).state == "absent"
    assert cache.state(recipe).state == "ready"


def test_an_image_removed_meanwhile_is_built_again(cache: Cache, recipe: Recipe, builder: Tree) -> None:
    """One check in each process does not mean trusting a folder that is gone."""
    cache.ensure(recipe, builder, QUIET)
    Cache(cache.folder).clean(lambda short: True)
    cache.ensure(recipe, builder, QUIET)
    assert builder.builds == 2


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path, recipe: Recipe, builder: Tree) -> None:
    """Bad input: one clear message naming the object and the next command."""
    (tmp_path / "file").touch()
    with pytest.raises(ImageError, match=r"/file.*: Not a directory") as caught:
        Cache(tmp_path / "file" / "cache").ensure(recipe, builder, QUIET)
    assert "INITLAB_CACHE=" in caught.value.hint


def test_the_cache_folder_is_the_users_or_the_one_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The user's cache folder, overridable by INITLAB_CACHE."""
    monkeypatch.delenv("INITLAB_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "initlab"
    monkeypatch.setenv("INITLAB_CACHE", str(tmp_path / "other"))
    assert cache_folder() == tmp_path / "other"
