"""The Alpine image's build, whole, from a small mirror here: its steps are real, its packages are not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from helpers import image as images
from helpers.errors import ImageError
from helpers.image.alpine_build import build_with_apk, fetch_base
from helpers.image.cache import Cache
from helpers.image.progress import LineReport, SilentReport
from helpers.image.staging import MARK

from .alpine import Mirror, base_system

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it builds in place, by chroot(2)"),
]
CHECKOUT = Path(__file__).resolve().parents[2]

# Another process that builds from a mirror.
_OTHER = """
import hashlib, sys
from dataclasses import replace
from helpers.errors import ImageError
from helpers.image.alpine import load_alpine_recipe
from helpers.image.alpine_build import build_with_apk
from helpers.image.cache import Cache
from helpers.image.progress import LineReport

recipe = replace(load_alpine_recipe(architecture="x86_64"), sha256=sys.argv[1])
Cache().ensure(recipe, build_with_apk, LineReport(sys.stderr))
"""


@pytest.fixture(scope="module")
def base() -> bytes:
    return base_system()


@pytest.fixture
def mirror(base: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Mirror]:
    made = Mirror(base)
    monkeypatch.setenv("INITLAB_ALPINE_MIRROR", made.address)
    monkeypatch.setenv("INITLAB_CACHE", str(tmp_path / "cache"))
    yield made
    made.close()


def build(mirror: Mirror) -> Path:
    """The tree of the built image."""
    return Cache().ensure(mirror.recipe, build_with_apk, SilentReport()).rootfs


def refused(mirror: Mirror) -> ImageError:
    """What a build that fails says; nothing is left of it but its log."""
    with pytest.raises(ImageError) as caught:
        build(mirror)
    assert left() == []
    return caught.value


def left() -> list[str]:
    """What is in the cache besides locks."""
    return sorted(path.name for path in Cache().images.iterdir() if path.suffix != ".lock")


def mounts() -> str:
    return Path("/proc/self/mountinfo").read_text()


def marked() -> list[int]:
    """Processes of a build in this test's cache."""
    found = []
    mark = f"{MARK}={Cache().images}".encode()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def until(happened: object, what: str, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not happened():  # type: ignore[operator]
        assert time.monotonic() < end, f"after {seconds} s still not: {what}"
        time.sleep(0.02)


def test_the_image_is_fetched_installed_checked_and_recorded(mirror: Mirror) -> None:
    """From a mirror to a ready image: every package of the recipe, with the exact version that was found."""
    before = mounts()
    root = build(mirror)
    state = Cache().state(mirror.recipe, deep=True)
    assert (state.state, state.fault) == ("ready", "")
    record = json.loads((root.parent / "complete.json").read_text())
    assert {package["name"] for package in record["packages"]} == set(mirror.recipe.names)
    assert all(package["version"].startswith("1.") and package["reason"] for package in record["packages"])
    assert record["suite"] == mirror.recipe.suite
    assert mounts() == before
    assert left() == [mirror.recipe.short]


def test_nothing_of_the_builders_computer_stays_in_the_image(mirror: Mirror) -> None:
    """No address of a mirror, no resolver, no cache, no database that every lab would share."""
    root = build(mirror)
    assert (root / "etc/apk/repositories").read_text() == ""
    assert (root / "etc/resolv.conf").read_text() == ""
    assert (root / "etc/hostname").read_text() == "lab\n"
    for folder in ("dev", "proc", "sys", "run", "tmp", "var/cache/apk", "var/lib/redis"):
        assert list((root / folder).iterdir()) == [], folder
    assert not (root / "base.tar.gz").exists()


def test_postgresqls_programs_are_where_the_labs_look_for_them(mirror: Mirror) -> None:
    """Debian's folder is a link to Alpine's."""
    root = build(mirror)
    assert os.readlink(root / "usr/lib/postgresql/17/bin") == "../../../libexec/postgresql17"
    assert os.access(root / "usr/lib/postgresql/17/bin/initdb", os.X_OK)


def test_a_built_image_is_not_built_again(mirror: Mirror) -> None:
    """The second use fetches nothing."""
    build(mirror)
    asked = len(mirror.asked)
    build(mirror)
    assert len(mirror.asked) == asked


def test_the_build_says_what_it_does(mirror: Mirror) -> None:
    """Phases in words, and how far it is."""
    lines: list[str] = []

    class Stream:
        def write(self, text: str) -> None:
            lines.append(text)

        def flush(self) -> None: ...

    Cache().ensure(mirror.recipe, build_with_apk, LineReport(Stream()))  # type: ignore[arg-type]
    said = "".join(lines)
    for phase in (
        "fetching the base system",
        "installing packages",
        "75 % done",
        "tidying up",
        "ready after",
    ):
        assert phase in said, said


def test_a_base_system_with_another_hash_is_refused(mirror: Mirror) -> None:
    """What was pinned is what is run: both hashes are told, and nothing was unpacked."""
    mirror.files[f"/{mirror.recipe.base}"] = b"another base system"
    error = refused(mirror)
    assert f"the recipe pins {mirror.recipe.sha256}" in error.message
    assert "INITLAB_ALPINE_MIRROR" in (error.hint or "")
    assert mirror.index not in mirror.asked


def test_a_base_system_that_ends_too_early_is_told_as_that(mirror: Mirror, base: bytes) -> None:
    """A connection that breaks is the network's fault, not the mirror's."""

    def half(answer: BaseHTTPRequestHandler) -> None:
        answer.send_response(200)
        answer.send_header("Content-Length", str(len(base)))
        answer.end_headers()
        answer.wfile.write(base[: len(base) // 2])

    mirror.files[f"/{mirror.recipe.base}"] = half
    assert f"of {len(base)} bytes" in refused(mirror).message


def test_a_mirror_without_the_release_is_told(mirror: Mirror) -> None:
    """HTTP's own word, and the address."""
    del mirror.files[f"/{mirror.recipe.base}"]
    assert "HTTP 404" in refused(mirror).message


def test_without_a_network_the_next_command_is_named(mirror: Mirror, tmp_path: Path) -> None:
    """A mirror that does not answer: what, why, and that the course goes on."""
    address = mirror.address
    mirror.close()
    target = tmp_path / "base"
    with pytest.raises(ImageError, match="Connection refused") as caught:
        fetch_base(mirror.recipe, address, target, SilentReport())
    assert "initlab image build --recipe alpine" in (caught.value.hint or "")
    assert "the course goes on" in (caught.value.hint or "")
    assert not target.exists()


def test_a_package_that_alpine_has_not_is_named(mirror: Mirror) -> None:
    """apk's own refusal, in one message."""
    body = mirror.files[mirror.index]
    assert isinstance(body, bytes)
    mirror.files[mirror.index] = body.replace(b"s6-linux-init ", b"other ")
    error = refused(mirror)
    assert "has no package s6-linux-init" in error.message
    assert str(Cache().log(mirror.recipe)) in error.message
    assert "unable to select packages" in Cache().log(mirror.recipe).read_text()


def test_a_package_without_its_programs_is_told(mirror: Mirror) -> None:
    """A build is checked against the recipe: a program that is missing is a fault."""
    body = mirror.files[mirror.index]
    assert isinstance(body, bytes)
    mirror.files[mirror.index] = body.replace(b"/usr/bin/s6-rc-update", b"")
    message = refused(mirror).message
    assert "s6-rc: s6-rc-update cannot be run" in message
    assert "alpine.toml" in message


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill -9"])
@pytest.mark.parametrize("where", ["base", "index"])
def test_an_interrupted_build_leaves_nothing(mirror: Mirror, where: str, signum: signal.Signals) -> None:
    """While it fetches, and while apk works: no process, no mount; no folder (kill -9: by the next look)."""
    path = f"/{mirror.recipe.base}" if where == "base" else mirror.index
    mirror.hang(path)
    other = subprocess.Popen(
        [sys.executable, "-c", _OTHER, mirror.recipe.sha256],
        cwd=CHECKOUT,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        mirror.wait_asked(path)
        assert (marked() != []) == (where == "index")
        other.send_signal(signum)
        other.wait(20)
    finally:
        other.kill()
        other.wait()
    until(lambda: not marked(), "every process of the build has ended")
    if signum == signal.SIGINT:
        assert left() == []
    Cache().clean(lambda short: False)
    assert left() == []
    assert str(Cache().images) not in mounts()


def test_the_command_says_how_it_stands_and_what_to_do_next(mirror: Mirror) -> None:
    """`initlab image build --recipe alpine` from a mirror that has nothing: one message, status 2."""
    mirror.files.clear()

    def initlab(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "helpers.cli", "image", *words]
        return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)

    done = initlab("build", "--recipe", "alpine")
    assert done.returncode == 2
    assert "HTTP 404" in done.stderr
    assert "next: it needs a network" in done.stderr
    assert "initlab image build --recipe alpine" in initlab("info", "--recipe", "alpine").stdout
    assert "network" in initlab("build", "--help").stdout


def test_cleaning_keeps_the_images_that_are_in_use_today(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old images go, the present ones of both recipes stay; `--again` takes away its own alone."""
    build(mirror)
    monkeypatch.setattr("helpers.image.alpine.load_alpine_recipe", lambda: mirror.recipe)
    (Cache().images / "0123456789ab").mkdir()
    assert images.clean() == ["removed image 0123456789ab"]
    assert images.clean(current=True, older=False, recipes=("debian",)) == []
    assert images.info(recipe="alpine").state == "ready"
    assert {package.name for package in images.packages("alpine")} == set(mirror.recipe.names)
    assert images.clean(current=True, older=False, recipes=("alpine",)) == [
        f"removed image {mirror.recipe.short}"
    ]
