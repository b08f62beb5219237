"""The lab image and Docker: the same tree as a Docker image, and a build for computers without mmdebstrap.

Works with every engine the `docker` package reaches, Podman's socket included.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, cast

from helpers.engines.base import Image
from helpers.errors import ImageError
from helpers.image import failures
from helpers.image.cache import Cache, cache_folder
from helpers.image.progress import OutputReader, Report
from helpers.image.recipe import RECIPE_FOLDER, Recipe, machine_architecture
from helpers.image.staging import Staging
from helpers.image.unpack import Owners, pack, unpack

__all__ = ["REPOSITORY", "build_with_docker", "docker_tag", "remove_docker_images"]

REPOSITORY = "initlab-lab"
_BUILDS = "initlab-lab-build"


def docker_tag(client: Any, image: Image) -> str:
    """The tag under which `image` is in `client`'s engine (a `docker.DockerClient`), imported if missing.

    The tag is `initlab-lab:` and the first 12 digits of the image's digest. Processes that want the same
    image wait for one import. Raises `ImageError` when the engine refuses it.
    """
    from docker.errors import ImageNotFound
    from filelock import FileLock

    short = image.digest[:12]
    tag = f"{REPOSITORY}:{short}"
    try:
        client.images.get(tag)
        return tag
    except ImageNotFound:
        pass
    except _errors() as error:
        raise _refused(error) from None
    locks = cache_folder() / "images"
    locks.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(locks / f"{short}-docker.lock"):
            try:
                client.images.get(tag)
            except ImageNotFound:
                with _archive(image, tag, locks) as archive:
                    for _ in client.api.load_image(archive):
                        pass
                client.images.get(tag)  # an engine that stored nothing is noticed here, not in a lesson
    except _errors() as error:
        raise _refused(error) from None
    except OSError as error:
        raise failures.from_os_error(error, locks) from None
    return tag


def remove_docker_images(unwanted: Callable[[str], bool]) -> list[str]:
    """Remove the lab's images whose tag is unwanted from a running Docker engine; a sentence for each.

    An image a container still uses stays. No engine: nothing to do. Raises `ImageError` for one that stops
    answering.
    """
    import docker

    done: list[str] = []
    try:
        client = docker.from_env(timeout=60)
    except docker.errors.DockerException:
        return done
    try:
        tags = [tag for found in client.images.list(name=REPOSITORY) for tag in found.tags]
        for tag in tags:
            if not tag.startswith(f"{REPOSITORY}:") or not unwanted(tag):
                continue
            try:
                client.images.remove(tag)
                done.append(f"removed Docker image {tag}")
            except docker.errors.APIError as error:
                done.append(f"kept Docker image {tag}: {error.explanation}")
    except _errors() as error:
        raise _refused(error) from None
    finally:
        client.close()
    return done


def build_with_docker(recipe: Recipe, staging: Staging, report: Report, log: Path) -> Owners:
    """A `Builder` on labs/image/Dockerfile: builds with the engine, then exports and unpacks the tree.

    Needs an engine that can fetch Debian's base image. Raises `ImageError`.
    """
    import docker

    try:
        client = docker.from_env()
    except docker.errors.DockerException as error:
        raise _refused(error) from None
    tag = f"{_BUILDS}:{recipe.short}"
    reader = OutputReader(report)
    container = None
    try:
        report.phase("building with Docker")
        with log.open("w") as record:
            for step in client.api.build(path=str(RECIPE_FOLDER), tag=tag, rm=True, decode=True):
                for line in str(step.get("stream", step.get("error", ""))).splitlines():
                    print(line, file=record, flush=True)
                    reader.line(line)
                if "error" in step:
                    raise ImageError(
                        f"lab image: docker build: {step['error']}\n  log: {log}",
                        hint="check the network, then: initlab image build --with docker",
                    )
        report.phase("unpacking")
        container = client.containers.create(tag)
        owners = unpack(io.BufferedReader(_Chunks(cast(Iterable[bytes], container.export()))), staging.rootfs)
        (staging.rootfs / ".dockerenv").unlink(missing_ok=True)
        return owners
    except _errors() as error:
        raise _refused(error) from None
    finally:
        _discard(client, container, tag)


def _discard(client: Any, container: Any, tag: str) -> None:
    try:
        if container is not None:
            container.remove(force=True)
        client.images.remove(tag, force=True)
    except _errors():
        pass  # the first failure is the one to tell
    finally:
        client.close()


@contextlib.contextmanager
def _archive(image: Image, tag: str, folder: Path) -> Iterator[IO[bytes]]:
    """The image as `docker load` reads it: one layer, its configuration, and the tag.

    `docker import` would take the bare tree, but Podman keeps a copy of what is imported for ever
    (its issue 28531) and forgets the tag. The layer's hash stands in the configuration, so the archive is
    written to a file first, in `folder`; the file has no name and goes with the process.
    """
    with tempfile.TemporaryFile(dir=folder) as archive:
        # The layer's own header comes before it, and needs its size: it is written last.
        archive.seek(tarfile.BLOCKSIZE)
        pack(image.rootfs, Cache.owners_beside(image.rootfs), archive)
        end = archive.tell()
        archive.seek(tarfile.BLOCKSIZE)
        digest = hashlib.file_digest(archive, "sha256").hexdigest()
        config = {
            "architecture": machine_architecture(),
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": {"Cmd": ["/bin/bash"], "Labels": {"initlab.image": image.digest}},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
            "history": [{"created_by": "initlab image build"}],
        }
        text = json.dumps(config).encode()
        name = f"{hashlib.sha256(text).hexdigest()}.json"
        manifest = json.dumps([{"Config": name, "RepoTags": [tag], "Layers": ["layer.tar"]}]).encode()
        archive.seek(end)
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for member, data in ((name, text), ("manifest.json", manifest)):
                tar.addfile(_member(member, len(data)), io.BytesIO(data))
        archive.seek(0)
        archive.write(_member("layer.tar", end - tarfile.BLOCKSIZE).tobuf(tarfile.GNU_FORMAT))
        archive.seek(0)
        yield archive


def _member(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = size
    return info


class _Chunks(io.RawIOBase):
    """A generator of bytes as a file."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            try:
                self._rest = next(self._chunks)
            except StopIteration:
                return 0
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


def _errors() -> tuple[type[Exception], ...]:
    """What the `docker` package raises: its own errors, and those of the requests underneath."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    return (DockerException, RequestException)


def _refused(error: Exception) -> ImageError:
    return ImageError(
        f"lab image: Docker: {error}", hint="initlab doctor   (says whether the engine answers)"
    )
