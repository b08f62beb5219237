"""The recipe: what the digest depends on, which versions are accepted, what a bad file is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from helpers.errors import ImageError
from helpers.image.dockerfile import render_dockerfile
from helpers.image.recipe import RECIPE_FOLDER, Package, load_recipe


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of labs/image to change."""
    return Path(shutil.copytree(RECIPE_FOLDER, tmp_path / "image"))


def edit(folder: Path, old: str, new: str, file: str = "packages.toml") -> None:
    """Replace text that must be there."""
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))


def test_the_digest_ignores_reasons_and_comments(copy: Path) -> None:
    """Changing anything but a `reason` changes the image's digest."""
    before = load_recipe(copy).digest
    edit(copy, "reason = ", "# a comment\nreason = ")
    edit(copy, 'reason = "the init of the first lab', 'reason = "for the first lab')
    edit(copy, "# Last step", "# The last step", "tidy.sh")
    assert load_recipe(copy).digest == before


@pytest.mark.parametrize(
    ("old", "new", "file"),
    [
        ('name = "tini"', 'name = "tini2"', "packages.toml"),
        ('version = "0.19"', 'version = "0.20"', "packages.toml"),
        ('suite = "trixie"', 'suite = "forky"', "packages.toml"),
        ("path-exclude=/usr/share/info/*", "path-exclude=/usr/share/infos/*", "dpkg.cfg"),
        ("echo lab >", "echo lob >", "tidy.sh"),
    ],
)
def test_the_digest_follows_what_changes_the_image(copy: Path, old: str, new: str, file: str) -> None:
    """An image built from another recipe is never mistaken for this one."""
    before = load_recipe(copy).digest
    edit(copy, old, new, file)
    assert load_recipe(copy).digest != before


def test_each_architecture_has_a_digest_of_its_own() -> None:
    """The digest covers the architecture."""
    assert load_recipe(architecture="amd64").digest != load_recipe(architecture="arm64").digest


@pytest.mark.parametrize(
    ("prefix", "version", "accepted"),
    [
        ("2.2", "2.2.0-3", True),
        ("2.2", "2.20-1", False),
        ("8.0", "5:8.0.2-3+deb13u2", True),
        ("1.37", "1:1.37.0-6+b9", True),
        ("257", "257.13-1~deb13u1", True),
        ("257", "2570-1", False),
        ("6.13", "6.13+ds-1", True),
        ("2.26", "2.26.3+dfsg-1", True),
        ("0.19", "1.0.19-1", False),
    ],
)
def test_a_version_is_compared_by_whole_components_of_the_upstream_part(
    prefix: str, version: str, accepted: bool
) -> None:
    """ "2.2" accepts 2.2.0, not 2.20; epoch and Debian revision do not count."""
    assert Package("x", prefix, "test").accepts(version) is accepted


def test_every_package_has_a_reason_and_the_inits_their_programs() -> None:
    """Each package has a one-line reason; every init names programs to check after a build."""
    packages = {package.name: package for package in load_recipe().packages}
    assert all(len(package.reason) > 15 and "\n" not in package.reason for package in packages.values())
    inits = "runit s6 openrc sysvinit-core systemd finit busybox-static tini dumb-init catatonit supervisor"
    assert all(packages[name].programs for name in inits.split())


def test_no_two_packages_own_sbin_init() -> None:
    """Only one package may own /sbin/init (see INITS in the course notes: apt refuses two)."""
    owners = {"sysvinit-core", "systemd-sysv", "runit-init", "finit-sysv"}
    assert owners & set(load_recipe().names) == {"sysvinit-core"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('suite = "trixie"', "suite = 13", "packages.toml: suite: a text is needed here"),
        ('name = "runit"\n', "", "packages.toml: package[0].name: a text is needed here"),
        ('name = "s6"', 'name = "runit"', "packages.toml: package[1]: runit is listed twice"),
        ("[[package]]", "[[package]", "packages.toml: "),
    ],
)
def test_a_bad_recipe_is_told_by_file_and_path(copy: Path, old: str, new: str, message: str) -> None:
    """Errors name the file and the key."""
    edit(copy, old, new)
    with pytest.raises(ImageError) as caught:
        load_recipe(copy)
    assert caught.value.message.startswith(message)
    assert "packages.toml" in caught.value.hint


def test_a_missing_recipe_file_is_named(copy: Path) -> None:
    """Errors name the object."""
    (copy / "tidy.sh").unlink()
    with pytest.raises(ImageError, match=r"tidy\.sh"):
        load_recipe(copy)


def test_the_dockerfile_is_the_recipe() -> None:
    """The Dockerfile lists the same packages; it is the output of `python -m helpers.image.dockerfile`."""
    committed = (RECIPE_FOLDER / "Dockerfile").read_text()
    assert committed == render_dockerfile(load_recipe())
    for name in load_recipe().names:
        assert f"      {name} \\\n" in committed
