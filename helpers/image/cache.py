"""Built images on disk: found, checked on use, built once, and never half there.

::

    <cache>/images/<digest12>/rootfs/         the tree, never written to
                              complete.json   what it was built from and a table of every file
                              hashes.json     SHA-256 of every file, for the deep check
                   <digest12>.lock            held while that image is built or removed
                   building-<digest12>-*/     an image in the making (see `staging`)
    <cache>/logs/image-<digest12>.log         what the builder's tools said

`<cache>` is the user's cache folder (platformdirs) or `INITLAB_CACHE`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from helpers.engines.base import Image
from helpers.errors import ImageError
from helpers.image import failures
from helpers.image.build import Builder
from helpers.image.contents import check_contents
from helpers.image.progress import Report, SilentReport
from helpers.image.recipe import Recipe
from helpers.image.staging import Staging, leftovers, remove_leftover, remove_tree
from helpers.image.table import compare, compare_hashes, hash_files, scan

__all__ = ["Cache", "ImageState", "cache_folder"]

_FORMAT = 1
_checked: set[tuple[str, int]] = set()


def cache_folder() -> Path:
    """The cache's folder: `INITLAB_CACHE`, or `initlab` in the user's cache folder."""
    if named := os.environ.get("INITLAB_CACHE"):
        return Path(named).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("initlab")


@dataclass(frozen=True)
class ImageState:
    """How the image of a recipe stands: `state` is `ready`, `absent` or `broken` (and then `fault` says why).

    `size` counts the bytes of its files; `built` is an ISO 8601 time in UTC, empty when there is none.
    """

    state: str
    digest: str
    rootfs: Path
    fault: str = ""
    size: int = 0
    files: int = 0
    packages: int = 0
    built: str = ""
    seconds: float = 0.0


class Cache:
    """The images below one cache folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or cache_folder()
        self.images = self.folder / "images"

    def path(self, recipe: Recipe) -> Path:
        """Where the finished image of a recipe is, or would be."""
        return self.images / recipe.short

    def log(self, recipe: Recipe) -> Path:
        """The log of the last build."""
        return self.folder / "logs" / f"image-{recipe.short}.log"

    def verify(self, recipe: Recipe, *, deep: bool = False) -> str:
        """What is wrong with the image, as words; empty when it is whole.

        The quick check compares names, kinds, modes, sizes and times; `deep` adds link targets and
        every byte. Raises `ImageError` when the image belongs to another user.
        """
        folder = self.path(recipe)
        if not folder.exists():
            return "it is not built"
        record = self._record(recipe)
        if record is None:
            return f"{folder / 'complete.json'} is missing or unreadable"
        if record.get("format") != _FORMAT or record.get("digest") != recipe.digest:
            return "it was built from another recipe"
        if record["owner"] != os.geteuid():
            raise ImageError(
                f"lab image: {folder} belongs to another user (uid {record['owner']})",
                hint="use a cache of your own: INITLAB_CACHE=~/.cache/initlab, or remove it as that user",
            )
        fault = compare(record["files"], folder / "rootfs", targets=deep)
        if deep and not fault:
            try:
                hashes = json.loads((folder / "hashes.json").read_text())
            except (OSError, ValueError):
                hashes = None
            if not isinstance(hashes, dict) or not hashes:
                return f"{folder / 'hashes.json'} is missing or unreadable"
            fault = compare_hashes(hashes, folder / "rootfs")
        return fault

    def state(self, recipe: Recipe, *, deep: bool = False) -> ImageState:
        """How the image of a recipe stands now."""
        folder = self.path(recipe)
        rootfs = folder / "rootfs"
        if not folder.exists():
            return ImageState("absent", recipe.digest, rootfs)
        fault = self.verify(recipe, deep=deep)
        if fault:
            return ImageState("broken", recipe.digest, rootfs, fault=fault)
        record = self._record(recipe) or {}
        return ImageState(
            "ready",
            recipe.digest,
            rootfs,
            size=sum(entry[2] for entry in record["files"].values()),
            files=len(record["files"]),
            packages=len(record["packages"]),
            built=record["built"],
            seconds=record["seconds"],
        )

    @staticmethod
    def owners_beside(rootfs: Path) -> dict[str, tuple[int, int, int]]:
        """Path → (user id, group id, mode) of what an ordinary user's tree could not keep."""
        try:
            record = json.loads((rootfs.parent / "complete.json").read_text())
        except (OSError, ValueError):
            record = {}
        return {path: (entry[0], entry[1], entry[2]) for path, entry in record.get("owners", {}).items()}

    def ensure(self, recipe: Recipe, build: Builder, report: Report, *, deep: bool = False) -> Image:
        """The image, built first if it is absent or broken.

        The check is made once in each process. Builders of the same recipe wait for each other; the second
        one finds the first one's image. Raises `ImageError`.
        """
        image = Image(self.path(recipe) / "rootfs", recipe.digest)
        if not deep and self._checked_already(image):
            return image
        if self.verify(recipe, deep=deep):
            try:
                self._make_folders()
                with self._lock(recipe.short, report):
                    self._build_if_needed(recipe, build, report, deep=deep)
            except OSError as error:
                raise failures.from_os_error(error, self.folder, self.log(recipe)) from None
        _checked.add((str(image.rootfs), _inode(image.rootfs)))
        return image

    def clean(self, unwanted: Callable[[str], bool]) -> list[str]:
        """Remove the images whose short digest is unwanted, and dead builds' remains; a sentence for each.

        An image a running sandbox stands on stays, and the sentence says so. Raises `ImageError`.
        """
        done: list[str] = []
        try:
            for folder in leftovers(self.images):
                if remove_leftover(folder):
                    done.append(f"removed an unfinished build ({folder.name})")
            for folder in sorted(self.images.iterdir()) if self.images.is_dir() else []:
                if not re.fullmatch(r"[0-9a-f]{12}", folder.name) or not unwanted(folder.name):
                    continue
                if pid := _in_use(folder):
                    done.append(f"kept image {folder.name}: process {pid} runs on it")
                    continue
                with self._lock(folder.name, SilentReport()):
                    grave = folder.with_name(f"building-{folder.name}-removed-{os.getpid()}")
                    folder.rename(grave)
                    remove_tree(grave)
                (self.folder / "logs" / f"image-{folder.name}.log").unlink(missing_ok=True)
                done.append(f"removed image {folder.name}")
        except OSError as error:
            raise failures.from_os_error(error, self.folder) from None
        return done

    def _build_if_needed(self, recipe: Recipe, build: Builder, report: Report, *, deep: bool) -> None:
        fault = self.verify(recipe, deep=deep)
        if not fault:
            return  # another process built it while we waited
        for folder in leftovers(self.images):
            # Of our own recipe nobody can be building: we hold the lock. Its guard may still be at work.
            patience = 15.0 if folder.name.startswith(f"building-{recipe.short}-") else 0.0
            if remove_leftover(folder, patience):
                report.say("removed what an interrupted build had left")
        target = self.path(recipe)
        if target.exists():
            report.say(f"the image in the cache is broken: {fault}. Building it again")
            grave = target.with_name(f"building-{recipe.short}-broken-{os.getpid()}")
            target.rename(grave)
            remove_tree(grave)
        started = time.monotonic()
        with Staging(self.images, recipe.short) as staging:
            owners = build(recipe, staging, report, self.log(recipe))
            report.phase("checking versions and programs")
            packages = check_contents(recipe, staging.rootfs)
            report.phase("recording every file")
            files = scan(staging.rootfs, targets=True)
            _write_json(staging.folder / "hashes.json", hash_files(staging.rootfs, files))
            record = {
                "format": _FORMAT,
                "digest": recipe.digest,
                "architecture": recipe.architecture,
                "suite": recipe.suite,
                "owner": os.geteuid(),
                "built": datetime.now(UTC).isoformat(timespec="seconds"),
                "seconds": round(time.monotonic() - started, 1),
                "packages": [asdict(package) for package in packages],
                "owners": owners,
                "files": files,
            }
            _write_json(staging.folder / "complete.json", record)
            # Else a power cut could leave the new name in place with files that never reached the disk.
            os.sync()
            staging.become(target)
        report.say(f"ready after {time.monotonic() - started:.0f} s: {target}")

    def _checked_already(self, image: Image) -> bool:
        return (str(image.rootfs), _inode(image.rootfs)) in _checked

    def _record(self, recipe: Recipe) -> dict[str, Any] | None:
        try:
            record = json.loads((self.path(recipe) / "complete.json").read_text())
        except (OSError, ValueError):
            return None
        return record if isinstance(record, dict) and "files" in record and "owner" in record else None

    def _make_folders(self) -> None:
        self.images.mkdir(parents=True, exist_ok=True)
        (self.folder / "logs").mkdir(exist_ok=True)

    @contextlib.contextmanager
    def _lock(self, short: str, report: Report) -> Iterator[None]:
        from filelock import FileLock, Timeout

        lock = FileLock(self.images / f"{short}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            report.phase("another process is building it; waiting")
            lock.acquire(poll_interval=0.1)
        try:
            yield
        finally:
            lock.release()


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, separators=(",", ":"), sort_keys=True))


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def _in_use(folder: Path) -> int:
    """PID of a process with a mount that stands on `folder` (an overlay's lower layer), or 0."""
    needle = str(folder)
    seen: set[str] = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            namespace = os.readlink(entry / "ns/mnt")
            if namespace not in seen:
                seen.add(namespace)
                if needle in (entry / "mountinfo").read_text(errors="replace"):
                    return int(entry.name)
    return 0
