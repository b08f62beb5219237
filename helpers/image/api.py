"""The few calls everything else makes of the lab image."""

from __future__ import annotations

import os
import shutil

from helpers.engines.base import Image
from helpers.image.build import Builder, build_with_mmdebstrap
from helpers.image.cache import Cache, ImageState
from helpers.image.contents import InstalledPackage, installed_packages
from helpers.image.progress import report_on
from helpers.image.recipe import load_recipe

__all__ = ["choose_builder", "clean", "ensure", "info", "packages"]


def ensure(progress: bool = True, *, deep: bool = False, builder: str = "auto") -> Image:
    """The lab image, built first if it is absent or broken; quick when it is there.

    `progress` shows on standard error how a build goes; `deep` checks every byte of an image that is there;
    `builder` is `mmdebstrap`, `docker` or `auto` (see `choose_builder`).
    Raises `ImageError`: no network, disk full, a tool missing.
    """
    recipe = load_recipe()
    with report_on(show=progress) as report:
        return Cache().ensure(recipe, choose_builder(builder), report, deep=deep)


def choose_builder(name: str = "auto") -> Builder:
    """The builder of that name. `auto`: mmdebstrap, unless only Docker is installed."""
    if name == "docker" or (name == "auto" and not _has_mmdebstrap() and shutil.which("docker")):
        from helpers.image.dockered import build_with_docker

        return build_with_docker
    return build_with_mmdebstrap


def info(*, deep: bool = False) -> ImageState:
    """How the lab image stands: ready, absent or broken, where, how large. Builds nothing."""
    return Cache().state(load_recipe(), deep=deep)


def packages() -> list[InstalledPackage]:
    """Every package in the built image with exact version and installed size, by name.

    Raises `ImageError` when the image is not built.
    """
    recipe = load_recipe()
    return installed_packages(Cache().path(recipe) / "rootfs", recipe)


def clean(*, current: bool = False, older: bool = True, docker: bool = False) -> list[str]:
    """Remove images of older recipes (`older`), of the present one (`current`), and dead builds' remains.

    With `docker` the same images go from a running Docker engine too, which other users may share. Returns a
    sentence for each thing removed, or kept because it is in use. Raises `ImageError`.
    """
    recipe = load_recipe()

    def unwanted(short: str) -> bool:
        return current if short == recipe.short else older

    done = Cache().clean(unwanted)
    if docker:
        from helpers.image.dockered import REPOSITORY, remove_docker_images

        done += remove_docker_images(lambda tag: unwanted(tag.removeprefix(f"{REPOSITORY}:")))
    return done


def _has_mmdebstrap() -> bool:
    path = os.environ.get("PATH", os.defpath) + ":/usr/bin:/usr/sbin"
    return shutil.which("mmdebstrap", path=path) is not None
