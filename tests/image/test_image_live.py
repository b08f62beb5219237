"""The real image: built if need be, whole, with every init in it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from helpers import image as images
from helpers.engines.base import Image
from helpers.image.cache import Cache
from helpers.image.contents import check_contents, find_inside
from helpers.image.dockered import build_with_docker
from helpers.image.progress import SilentReport

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

_INITS = (
    "/usr/sbin/runit",
    "/usr/sbin/openrc-init",
    "/usr/bin/s6-svscan",
    "/usr/sbin/init",
    "/lib/systemd/systemd",
    "/usr/sbin/finit",
    "/bin/busybox",
    "/usr/bin/supervisord",
    "/usr/bin/tini",
    "/usr/bin/dumb-init",
    "/usr/bin/catatonit",
)


@pytest.mark.parametrize("program", _INITS)
def test_the_image_has_every_init(image: Image, program: str) -> None:
    """All inits of the course's list are in the image and may be executed."""
    assert os.access(find_inside(image.rootfs, program), os.X_OK)


def test_the_image_is_what_the_recipe_promises(image: Image) -> None:
    """Pinned list of packages: versions and programs verified after a build."""
    recipe = images.load_recipe()
    assert image.digest == recipe.digest
    installed = {package.name: package for package in check_contents(recipe, image.rootfs)}
    assert set(recipe.names) <= set(installed)
    assert all(package.size > 0 for package in installed.values() if package.reason)


def test_the_building_machine_left_no_trace(image: Image) -> None:
    """No mirror, no host name, no resolver, no device: the same tree wherever it was built."""
    root = image.rootfs
    assert (root / "etc/hostname").read_text() == "lab\n"
    assert (root / "etc/resolv.conf").read_text() == ""
    assert (root / "etc/machine-id").read_text() == ""
    assert not (root / "etc/apt/sources.list").exists()
    for folder in ("dev", "run", "tmp", "proc", "sys", "etc/apt/sources.list.d", "var/tmp"):
        assert list((root / folder).iterdir()) == [], folder


def test_the_installation_left_no_database_and_no_key(image: Image) -> None:
    """What is random or secret is made in a lab, never in the image: no cluster, no certificate, no key."""
    root = image.rootfs
    for folder in ("var/lib/postgresql", "etc/postgresql", "var/log/postgresql", "etc/ssl/private"):
        assert list((root / folder).iterdir()) == [], folder
    assert list(root.glob("etc/ssl/certs/*")) == []


def test_the_clients_of_postgresql_are_the_programs_themselves(image: Image) -> None:
    """psql is PostgreSQL's own, not Debian's choice among clusters, which a lab has none of."""
    for name in ("psql", "pg_isready", "pg_basebackup"):
        found = find_inside(image.rootfs, f"/usr/bin/{name}")
        assert found.relative_to(image.rootfs) == Path(f"usr/lib/postgresql/17/bin/{name}")


def test_what_only_a_compiler_needs_is_left_out(image: Image) -> None:
    """PostgreSQL's just-in-time compiler and its LLVM would be a third of the image."""
    assert list(image.rootfs.glob("usr/lib/*/libLLVM*")) == []
    assert list(image.rootfs.glob("usr/lib/postgresql/*/lib/bitcode/*")) == []


def test_first_use_is_quick(image: Image) -> None:
    """Verified on first use in each process without being felt. A bound against regressions of kind (reading
    every byte takes ten times as long), not a measurement: that is in bench/."""
    recipe = images.load_recipe()
    times = []
    for _ in range(3):
        started = time.perf_counter()
        assert Cache().verify(recipe) == ""
        times.append(time.perf_counter() - started)
    assert min(times) < 1.0


def test_every_byte_is_what_was_built(image: Image) -> None:
    """The deep check passes on a sound image: nobody has written to it."""
    assert images.info(deep=True).state == "ready"


@pytest.mark.docker
def test_the_same_tree_is_a_docker_image(image: Image) -> None:
    """`docker_tag` imports the tree once, with its owners, and returns its tag."""
    import docker

    try:
        client = docker.from_env()
        client.ping()
    except docker.errors.DockerException as error:
        pytest.skip(f"no Docker engine answers: {error}")
    try:
        tag = images.docker_tag(client, image)
        assert tag == f"initlab-lab:{image.digest[:12]}"
        first = client.images.get(tag).id
        assert images.docker_tag(client, image) == tag
        assert client.images.get(tag).id == first
        command = "stat -c '%n %u %a' /usr/bin/su /etc/shadow /usr/sbin/runit"
        output = client.containers.run(tag, ["sh", "-c", command], remove=True, network_mode="none")
        assert output.decode().splitlines() == [
            "/usr/bin/su 0 4755",
            "/etc/shadow 0 640",
            "/usr/sbin/runit 0 755",
        ]
    finally:
        client.close()


@pytest.mark.docker
@pytest.mark.xdist_group("docker-build")
def test_a_docker_engine_builds_the_tree_where_there_is_no_mmdebstrap(
    image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Builds from a Dockerfile, exports, unpacks, leaves no container and no image of its own.

    Its base is the lab image itself: fetching Debian's needs a registry.
    """
    import docker

    try:
        client = docker.from_env()
        client.ping()
    except docker.errors.DockerException as error:
        pytest.skip(f"no Docker engine answers: {error}")
    try:
        tag = images.docker_tag(client, image)
        folder = tmp_path / "recipe"
        folder.mkdir()
        (folder / "Dockerfile").write_text(f"FROM {tag}\nRUN echo lab > /etc/built-by-docker\n")
        monkeypatch.setattr("helpers.image.dockered.RECIPE_FOLDER", folder)
        cache = Cache(tmp_path / "cache")
        built = cache.ensure(images.load_recipe(), build_with_docker, SilentReport())
        assert (built.rootfs / "etc/built-by-docker").read_text() == "lab\n"
        assert list((built.rootfs / "dev").iterdir()) == []
        assert cache.verify(images.load_recipe(), deep=True) == ""
        ours = client.containers.list(
            all=True, filters={"ancestor": f"initlab-lab-build:{image.digest[:12]}"}
        )
        assert ours == []
        assert client.images.list(name="initlab-lab-build") == []
    finally:
        client.close()
