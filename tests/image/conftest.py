"""A tiny image: the real cache, guard and checks over a tree of a dozen files, built in milliseconds."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from helpers.image.cache import Cache
from helpers.image.progress import Report
from helpers.image.recipe import Package, Recipe
from helpers.image.staging import Staging

_STATUS = """\
Package: tiny-init
Status: install ok installed
Version: 1:2.2.0-3
Installed-Size: 12

Package: libtiny
Status: install ok installed
Version: 0.1-1
Installed-Size: 3
"""


class Tree:
    """A builder that makes the tiny tree, counting how often it was asked to."""

    def __init__(self) -> None:
        self.builds = 0

    def __call__(
        self, recipe: Recipe, staging: Staging, report: Report, log: Path
    ) -> dict[str, tuple[int, int, int]]:
        self.builds += 1
        write_tree(staging.rootfs)
        return {"etc/shadow": (0, 42, 0o640)}


def write_tree(root: Path) -> None:
    """The tiny Debian tree: one init, its records, a link, a folder nobody may write to."""
    for folder in ("usr/sbin", "etc", "var/lib/dpkg", "srv/closed"):
        (root / folder).mkdir(parents=True)
    (root / "var/lib/dpkg/status").write_text(_STATUS)
    (root / "usr/sbin/tiny").write_text("#!/bin/sh\n")
    (root / "usr/sbin/tiny").chmod(0o755)
    (root / "usr/sbin/init").symlink_to("/usr/sbin/tiny")
    (root / "etc/shadow").write_text("root:*:1:0:99999:7:::\n")
    (root / "etc/hostname").write_text("lab\n")
    (root / "srv/closed/file").write_text("x")
    (root / "srv/closed").chmod(0o555)


@pytest.fixture
def recipe() -> Recipe:
    """A recipe the tiny tree satisfies."""
    return Recipe(
        suite="trixie",
        variant="minbase",
        components=("main",),
        packages=(Package("tiny-init", "2.2", "the test's init", ("/usr/sbin/init",)),),
        dpkg_options=(),
        tidy="true\n",
        architecture="amd64",
    )


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """An empty cache of this test's own."""
    return Cache(tmp_path / "cache")


@pytest.fixture
def builder() -> Tree:
    """The tiny tree's builder."""
    return Tree()


@pytest.fixture
def python() -> str:
    """The interpreter to start other processes with."""
    return sys.executable
