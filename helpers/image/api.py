"""The few calls everything else makes of the lab image."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence

from helpers.engines.base import Image
from helpers.errors import ImageError
from helpers.image.build import Builder, build_with_mmdebstrap
from helpers.image.cache import Cache, ImageState
from helpers.image.contents import InstalledPackage, installed_packages
from helpers.image.progress import report_on
from helpers.image.recipe import Recipe, load_recipe

__all__ = ["RECIPES", "choose_builder", "clean", "ensure", "info", "packages"]

RECIPES = ("debian", "alpine")
"""The recipes by name. Labs run on the first unless told otherwise; the second has the real s6-rc."""


def ensure(
    progress: bool = True, *, deep: bool = False, builder: str = "auto", recipe: str = "debian"
) -> Image:
    """The lab image, built first if it is absent or broken; quick when it is there.

    `progress` shows on standard error how a build goes; `deep` checks every byte of an image that is there;
    `builder` is `mmdebstrap`, `docker` or `auto` (see `choose_builder`); `recipe` is one of `RECIPES`.
    Raises `ImageError`: no network, disk full, a tool missing.
    """
    wanted = _recipe(recipe)
    with report_on(show=progress) as report:
        return Cache().ensure(wanted, choose_builder(builder, recipe), report, deep=deep)


def choose_builder(name: str = "auto", recipe: str = "debian") -> Builder:
    """The builder of that name. `auto`: mmdebstrap, unless only Docker is installed; for Alpine its own apk.

    Raises `ImageError` for a builder that a recipe has not.
    """
    if recipe == "alpine":
        from helpers.image.alpine import BUILD
        from helpers.image.alpine_build import build_with_apk

        if name != "auto":
            raise ImageError(f"Alpine image: {name} does not build it, apk does", hint=BUILD)
        return build_with_apk
    if name == "docker" or (name == "auto" and not _has_mmdebstrap() and shutil.which("docker")):
        from helpers.image.dockered import build_with_docker

        return build_with_docker
    return build_with_mmdebstrap


def info(*, deep: bool = False, recipe: str = "debian") -> ImageState:
    """How the image of a recipe stands: ready, absent or broken, where, how large. Builds nothing."""
    return Cache().state(_recipe(recipe), deep=deep)


def packages(recipe: str = "debian") -> list[InstalledPackage]:
    """Every package in the built image with exact version and installed size, by name.

    Raises `ImageError` when the image is not built.
    """
    wanted = _recipe(recipe)
    return installed_packages(Cache().path(wanted) / "rootfs", wanted)


def clean(
    *, current: bool = False, older: bool = True, docker: bool = False, recipes: Sequence[str] = RECIPES
) -> list[str]:
    """Remove images of older recipes (`older`), the present `recipes`' own (`current`), dead builds' remains.

    With `docker` the same images go from a running Docker engine too, which other users may share. Returns a
    sentence for each thing removed, or kept because it is in use. Raises `ImageError`.
    """
    present = {_recipe(name).short: name for name in RECIPES if name == "debian" or _pinned(name)}

    def unwanted(short: str) -> bool:
        return current and present[short] in recipes if short in present else older

    done = Cache().clean(unwanted)
    if docker:
        from helpers.image.dockered import REPOSITORY, remove_docker_images

        done += remove_docker_images(lambda tag: unwanted(tag.removeprefix(f"{REPOSITORY}:")))
    return done


def _recipe(name: str) -> Recipe:
    """The recipe of that name. Raises `ImageError` for any other."""
    if name == "debian":
        return load_recipe()
    if name == "alpine":
        from helpers.image.alpine import load_alpine_recipe

        return load_alpine_recipe()
    raise ImageError(f"lab image: there is no recipe {name!r}", hint=f"use one of: {', '.join(RECIPES)}")


def _pinned(name: str) -> bool:
    """Whether this computer can have that image: Alpine's recipe has no hash for every architecture."""
    try:
        _recipe(name)
    except ImageError:
        return False
    return True


def _has_mmdebstrap() -> bool:
    path = os.environ.get("PATH", os.defpath) + ":/usr/bin:/usr/sbin"
    return shutil.which("mmdebstrap", path=path) is not None
