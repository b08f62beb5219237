"""Each way a build fails gives one message naming the object and the next command."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest

from helpers.errors import ImageError
from helpers.image import build, failures
from helpers.image.mirror import Mirrors
from helpers.image.progress import SilentReport
from helpers.image.recipe import Recipe, load_recipe
from helpers.image.staging import Staging

LOG = Path("/cache/logs/image.log")


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        (
            "E: Failed to fetch http://m/debian/x.deb  Could not resolve 'm'",
            "cannot fetch packages from http://m/debian",
            "check the network",
        ),
        (
            "Err:1 http://m/debian trixie InRelease Could not connect to m:80",
            "cannot fetch",
            "check the network",
        ),
        ("dpkg: error processing archive x.deb: No space left on device", "the disk of", "INITLAB_CACHE="),
        ("E: You don't have enough free space in /var/cache/apt/archives/.", "the disk of", "INITLAB_CACHE="),
        (
            "W: GPG error: http://m trixie InRelease: NO_PUBKEY 78DBA3BC47EF2265",
            "signature",
            "debian-archive-keyring",
        ),
        ("E: Unable to locate package runit", "no package runit", "INITLAB_DEBIAN_MIRROR="),
        (
            "E: /etc/subuid does not contain an entry for ada",
            "no subordinate user ids",
            "usermod --add-subuids",
        ),
        ("E: setup failed: E: something nobody has met", "status 25: setup failed", "read the log"),
    ],
)
def test_a_builders_words_become_one_message(line: str, message: str, hint: str) -> None:
    """Names the object, the next command and the full log."""
    error = failures.explain(
        ["I: running apt-get update...", line], 25, "http://m/debian", Path("/cache"), LOG
    )
    assert message in error.message
    assert str(LOG) in error.message
    assert hint in error.hint


def test_a_full_disk_is_told_before_building(tmp_path: Path) -> None:
    """Building needs room; better told in the first second than in the fortieth."""
    with pytest.raises(ImageError, match="free, building needs"):
        failures.require_space(tmp_path, needed=1 << 60)


def test_a_full_disk_met_while_writing_is_told() -> None:
    """ENOSPC is a full disk; anything else is the path and the reason."""
    full = failures.from_os_error(OSError(errno.ENOSPC, "No space left on device"), Path("/cache"), LOG)
    assert full.message.startswith("lab image: the disk of /cache is full")
    readonly = failures.from_os_error(
        OSError(errno.EROFS, "Read-only file system", "/cache/x"), Path("/cache")
    )
    assert "/cache/x: Read-only file system" in readonly.message


@pytest.mark.parametrize(
    ("os_release", "command"),
    [
        ('ID=debian\nVERSION_CODENAME="trixie"\n', "apt-get install --no-install-recommends mmdebstrap"),
        ("ID=linuxmint\nID_LIKE=ubuntu\n", "apt-get install --no-install-recommends mmdebstrap"),
        ("ID=fedora\n", "initlab image build --with docker"),
    ],
)
def test_a_missing_mmdebstrap_is_told_with_the_command_that_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, os_release: str, command: str
) -> None:
    """On Debian the exact command; elsewhere what to install, or Docker."""
    monkeypatch.setattr("helpers.image.failures.shutil.which", lambda name: None)
    (tmp_path / "os-release").write_text(os_release)
    with pytest.raises(ImageError, match="mmdebstrap is not installed") as caught:
        failures.require_tools(tmp_path / "os-release")
    assert command in caught.value.hint


def fake_mmdebstrap(folder: Path, script: str) -> str:
    """A PATH whose mmdebstrap is this shell script."""
    tool = folder / "bin/mmdebstrap"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    return f"{tool.parent}:{os.environ['PATH']}"


@pytest.fixture
def real_recipe() -> Recipe:
    """The recipe of labs/image."""
    return load_recipe(architecture="amd64")


@pytest.mark.parametrize("euid", [0, 1000], ids=["root", "user"])
def test_a_failing_build_keeps_its_log_and_leaves_no_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, real_recipe: Recipe, euid: int
) -> None:
    """One clear ImageError with the path of the full log, which holds command and output."""
    words = 'echo "I: running apt-get update..." >&2; echo "E: Could not connect to nowhere" >&2; exit 25'
    monkeypatch.setenv("PATH", fake_mmdebstrap(tmp_path, words))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(build, "find_mirrors", lambda: Mirrors("http://m/debian"))
    monkeypatch.setattr("helpers.image.build.os.geteuid", lambda: euid)
    monkeypatch.setattr(failures, "require_user_namespaces", lambda: None)
    log = tmp_path / "build.log"
    images = tmp_path / "images"
    images.mkdir()
    with (
        pytest.raises(ImageError, match="cannot fetch packages from http://m/debian: Could not connect"),
        Staging(images, real_recipe.short) as staging,
    ):
        build.build_with_mmdebstrap(real_recipe, staging, SilentReport(), log)
    assert list(images.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("initlab-image-")] == []
    text = log.read_text()
    assert "mmdebstrap --verbose" in text
    assert "Could not connect to nowhere" in text


def test_root_builds_in_place_and_a_user_hands_over_an_archive(real_recipe: Recipe) -> None:
    """Two modes of mmdebstrap(1), the same packages, options and hook."""
    as_root = build.mmdebstrap_command(real_recipe, ["deb http://m/debian trixie main"], "/cache/rootfs", [])
    as_user = build.mmdebstrap_command(real_recipe, ["deb http://m/debian trixie main"], "-", [])
    assert [a for a, b in zip(as_root, as_user, strict=True) if a != b] == [
        "--mode=root",
        "--format=directory",
        "/cache/rootfs",
    ]
    assert f"--include={','.join(real_recipe.names)}" in as_user


def test_certificates_are_lent_to_an_https_mirror_only(real_recipe: Recipe) -> None:
    """The second half of a build runs apt inside the new tree, which has no certificates yet."""
    plain = build.mmdebstrap_command(real_recipe, ["deb http://m/debian trixie main"], "-", [])
    secure = build.mmdebstrap_command(real_recipe, ["deb https://m/debian trixie main"], "-", [])
    assert [a for a in secure if "ca-certificates" in a and a.startswith("--essential-hook")]
    assert not [a for a in plain if a.startswith("--essential-hook")]


def test_tidying_leaves_tmp_to_mmdebstrap(tmp_path: Path, real_recipe: Recipe) -> None:
    """Regression: tidy.sh emptied the tree's /tmp, where mmdebstrap keeps apt's settings until its last step;
    its last apt-get then emptied the package lists of the computer it ran on."""
    for folder in ("tmp", "etc", "usr/bin", "var/lib/apt/lists", "var/log", "run"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "tmp/mmdebstrap.apt.conf.x").touch()
    (tmp_path / "etc/hostname").write_text("the-builder")
    (tmp_path / "var/log/dpkg.log").touch()
    subprocess.run(["sh", "-c", real_recipe.tidy, "tidy", str(tmp_path)], check=True)
    assert (tmp_path / "tmp/mmdebstrap.apt.conf.x").exists()
    assert (tmp_path / "etc/hostname").read_text() == "lab\n"
    assert (tmp_path / "etc/machine-id").read_text() == ""
    assert not (tmp_path / "var/log/dpkg.log").exists()


def test_the_line_that_says_most_is_told() -> None:
    """mmdebstrap's own last word, "failed to run", tells nobody anything."""
    lines = [
        "Err:1 http://m/debian trixie InRelease",
        "  Could not connect to m:80 (192.0.2.1). - connect (111: Connection refused)",
        "E: The repository 'http://m/debian trixie Release' does not have a Release file.",
        "E: mmdebstrap failed to run",
    ]
    message = failures.explain(lines, 1, "http://m/debian", Path("/cache"), LOG).message
    assert "from http://m/debian: Could not connect to m:80 (192.0.2.1). - connect (111" in message
    other = failures.explain(["E: subprocess failed", lines[-1]], 1, "http://m/debian", Path("/cache"), LOG)
    assert "status 1: subprocess failed" in other.message
