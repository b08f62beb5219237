"""The Alpine recipe: what is pinned, and what is said of a recipe that is not whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from helpers import image as images
from helpers.errors import ImageError
from helpers.image.alpine import AlpineRecipe, find_alpine_mirror, load_alpine_recipe
from helpers.image.alpine_build import alpine_command, explain
from helpers.image.recipe import RECIPE_FOLDER, load_recipe

WHOLE = (RECIPE_FOLDER / "alpine.toml").read_text()
LOG = Path("/cache/logs/image.log")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "alpine.toml").write_text(WHOLE)
    (tmp_path / "alpine.sh").write_text("true\n")
    return tmp_path


def edited(folder: Path, pattern: str, text: str) -> Path:
    changed = re.sub(pattern, text, WHOLE, count=1, flags=re.MULTILINE)
    assert changed != WHOLE
    (folder / "alpine.toml").write_text(changed)
    return folder


def refused(folder: Path) -> str:
    with pytest.raises(ImageError) as caught:
        load_alpine_recipe(folder, "x86_64")
    return caught.value.message


@pytest.mark.parametrize("architecture", ["x86_64", "aarch64"])
def test_the_recipe_pins_the_base_system_and_brings_the_real_s6_rc(architecture: str) -> None:
    """A release, a hash of its base system for each architecture, s6-rc and s6-linux-init in it."""
    recipe = load_alpine_recipe(architecture=architecture)
    assert re.fullmatch(r"[0-9a-f]{64}", recipe.sha256)
    assert {"s6-rc", "s6-linux-init", "s6", "execline"} <= set(recipe.names)
    assert recipe.base.endswith(f"/{architecture}/alpine-minirootfs-{recipe.suite}-{architecture}.tar.gz")
    assert recipe.repositories("http://m/alpine") == [
        f"http://m/alpine/{recipe.branch}/main",
        f"http://m/alpine/{recipe.branch}/community",
    ]


def test_the_two_images_have_different_names_and_so_has_another_base_system(folder: Path) -> None:
    """The digest covers the hash: an image of another base system is never mistaken for this one."""
    one = load_alpine_recipe(architecture="x86_64")
    other = load_alpine_recipe(edited(folder, '^x86_64 = ".', 'x86_64 = "0'), "x86_64")
    same = load_alpine_recipe(architecture="x86_64")
    assert one.digest == same.digest
    assert len({one.digest, other.digest, load_recipe().digest}) == 3


def test_a_computer_without_a_pinned_base_system_is_told_that_the_course_goes_on() -> None:
    """Nothing that nobody has pinned is fetched."""
    with pytest.raises(ImageError, match=r"alpine\.toml: sha256\.riscv64 is missing") as caught:
        load_alpine_recipe(architecture="riscv64")
    assert "goes on without it" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("pattern", "text", "said"),
    [
        (r"^release = .*", 'release = "3.23"', "release: a version of three numbers"),
        (r"^release = .*", "", "release: a version of three numbers"),
        (r"^x86_64 = .*", 'x86_64 = "abc"', "sha256.x86_64: 64 hexadecimal digits"),
        (r"^repositories = .*", 'repositories = ["http://elsewhere/"]', "repositories: a list of names"),
        (r'^name = "s6-rc"', "title = 1", "package[0].name: a text is needed here"),
        (r'^name = "s6"$', 'name = "s6-rc"', "s6-rc is listed twice"),
        (r"^release = ", "release == ", "alpine.toml: "),
    ],
)
def test_a_broken_recipe_is_told_by_file_and_key(folder: Path, pattern: str, text: str, said: str) -> None:
    """Raises `ImageError` naming the file and the key."""
    assert said in refused(edited(folder, pattern, text))


def test_a_recipe_without_its_script_is_told(folder: Path) -> None:
    """A file that is missing is named."""
    (folder / "alpine.sh").unlink()
    assert "alpine.sh" in refused(folder)


def test_the_mirror_is_the_one_of_the_environment_or_alpines_own() -> None:
    """`INITLAB_ALPINE_MIRROR`, without its last slash; what is no address is refused."""
    assert find_alpine_mirror({}).startswith("https://")
    assert (
        find_alpine_mirror({"INITLAB_ALPINE_MIRROR": "http://127.0.0.1:8/alpine/"})
        == "http://127.0.0.1:8/alpine"
    )
    for wrong in ("file:///mirror", "mirror", "http://a b"):
        with pytest.raises(ImageError, match="is not an http"):
            find_alpine_mirror({"INITLAB_ALPINE_MIRROR": wrong})


def test_an_ordinary_users_build_is_in_a_user_namespace_and_comes_as_an_archive() -> None:
    """Root builds in place; a user's subordinate ids are needed for the owners of files."""
    recipe = load_alpine_recipe(architecture="x86_64")
    places = (recipe, "http://m", Path("/b/rootfs"), Path("/b/base"))
    root = alpine_command(*places, as_root=True)
    user = alpine_command(*places, as_root=False)
    assert root[:2] == ["sh", "-c"]
    assert root[4] == "folder"
    assert user[: user.index("sh")][0] == "unshare"
    assert {"--map-root-user", "--map-auto", "--mount"} <= set(user)
    assert "archive" in user
    assert user[-len(recipe.names) :] == root[-len(recipe.names) :] == recipe.names


@pytest.mark.parametrize(
    ("line", "said", "next_"),
    [
        ("  s6-rc (no such package):", "Alpine v3.23 has no package s6-rc", "alpine.toml"),
        ("ERROR: http://m/main: UNTRUSTED signature", "UNTRUSTED signature", "another mirror"),
        (
            "WARNING: fetching http://m/main: temporary error (try again later)",
            "temporary error",
            "needs a network",
        ),
        ("WARNING: updating http://m: DNS: transient error", "DNS", "needs a network"),
        ("tar: write error: No space left on device", "is full", "make room"),
        ("unshare: failed to find newuidmap: No such file", "no subordinate user ids", "usermod"),
        (
            "chroot: failed to run command 'apk': No such file",
            "ended with status 7: chroot: failed",
            "read the log",
        ),
    ],
)
def test_what_apk_says_becomes_one_message_with_the_next_command(line: str, said: str, next_: str) -> None:
    """The line that tells most, where the log is or what is missing, and what to do."""
    recipe = load_alpine_recipe(architecture="x86_64")
    lines = ["(1/3) Installing skalibs (2)", line]
    error = explain(lines, 7, recipe, "http://m", Path("/tmp"), LOG)
    assert said in error.message
    assert next_ in (error.hint or "")
    assert str(LOG) in error.message


def test_a_recipe_that_there_is_not_is_named_with_those_that_there_are() -> None:
    """Raises `ImageError` for any other name."""
    with pytest.raises(ImageError, match="'arch'") as caught:
        images.info(recipe="arch")
    assert caught.value.hint == "use one of: debian, alpine"


def test_the_alpine_image_is_built_by_apk_alone() -> None:
    """Raises `ImageError` for a builder that a recipe has not."""
    with pytest.raises(ImageError, match="apk does"):
        images.ensure(progress=False, recipe="alpine", builder="docker")


def test_the_recipe_is_one_of_the_houses_recipes() -> None:
    """What the cache and the checks take: a `Recipe`."""
    recipe = load_alpine_recipe(architecture="x86_64")
    assert isinstance(recipe, AlpineRecipe)
    assert recipe.file == "alpine.toml"
    assert all(package.accepts("9.9-r1") for package in recipe.packages)
