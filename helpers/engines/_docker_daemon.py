"""Finding the Docker engine: dockerd's socket, Podman's, or what DOCKER_HOST says; and why there is none."""

from __future__ import annotations

import errno
import getpass
import grp
import os
import shutil
import socket
import struct
from pathlib import Path
from typing import Any

from helpers.engines.base import Availability
from helpers.errors import EngineUnavailable

__all__ = ["Api", "find_daemon", "is_near"]


def _sockets() -> list[Path]:
    """Where engines listen by default, dockerd first, then rootless dockerd, then Podman."""
    found = [Path("/var/run/docker.sock"), Path("/run/podman/podman.sock")]
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime:
        found[1:1] = [Path(runtime, "docker.sock")]
        found += [Path(runtime, "podman/podman.sock")]
    return found


def find_daemon() -> tuple[str, Availability]:
    """The engine's URL (empty: as DOCKER_HOST says) and whether one answers."""
    host = os.environ.get("DOCKER_HOST")
    if host:
        if host.startswith("unix://"):
            problem = _try_socket(Path(host.removeprefix("unix://")))
            if problem is not None:
                reason = f"DOCKER_HOST={host}: {problem.reason or 'there is no such socket'}"
                return "", Availability(False, reason, "start that engine, or: unset DOCKER_HOST")
        return "", _answers("", f"the engine at DOCKER_HOST={host}", "start it, or: unset DOCKER_HOST")
    refusals = []
    for path in _sockets():
        problem = _try_socket(path)
        if problem is None:
            url = f"unix://{path}"
            return url, _answers(url, f"the engine at {path}", _start_command(path))
        if problem.reason:
            refusals.append(problem)
    return "", refusals[0] if refusals else _nothing_there()


def _try_socket(path: Path) -> Availability | None:
    """`None` when somebody listens at `path`; no reason when there is nothing of the name."""
    with socket.socket(socket.AF_UNIX) as sock:
        try:
            sock.connect(str(path))
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM):
                return Availability(
                    False, f"user {getpass.getuser()} may not use {path}", _join_command(path)
                )
            if error.errno == errno.ECONNREFUSED:
                return Availability(False, f"no engine listens at {path} any more", _start_command(path))
            return Availability(False)
    return None


def _join_command(path: Path) -> str:
    try:
        group = grp.getgrgid(path.stat().st_gid).gr_name
    except (OSError, KeyError):
        group = "docker"
    if group == "root":
        return (
            f"run as root, or: systemctl --user start podman.socket (a Podman of {getpass.getuser()}'s own)"
        )
    return f"usermod -aG {group} {getpass.getuser()} (as root), then log in again"


def _start_command(path: Path) -> str:
    user = "--user " if str(path).startswith("/run/user/") else ""
    unit = "podman.socket" if path.name == "podman.sock" else "docker"
    if Path("/run/systemd/system").exists():
        return f"systemctl {user}start {unit}"
    return "podman system service --time=0 &" if unit == "podman.socket" else "dockerd & (as root)"


def _nothing_there() -> Availability:
    path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin:/usr/local/bin"
    if shutil.which("dockerd", path=path):
        return Availability(
            False, "the Docker daemon does not run", _start_command(Path("/var/run/docker.sock"))
        )
    if shutil.which("podman", path=path):
        return Availability(
            False, "Podman's API service does not run", _start_command(Path("/run/podman/podman.sock"))
        )
    return Availability(
        False,
        "neither Docker nor Podman is installed",
        "apt-get install docker.io; or set DOCKER_HOST to an engine elsewhere",
    )


def _answers(url: str, what: str, mend: str) -> Availability:
    from docker.errors import DockerException

    from helpers.engines._docker_owner import connect

    try:
        client = connect(url, timeout=10)
    except DockerException as error:  # it has asked for the version already
        return Availability(False, f"{what} does not answer: {error}", mend)
    try:
        if client.info().get("OSType", "linux") != "linux":
            return Availability(False, f"{what} runs Windows containers", "switch it to Linux containers")
    except DockerException as error:
        return Availability(False, f"{what} does not answer: {error}", mend)
    finally:
        client.close()
    return Availability(True)


def is_near(base_url: str) -> bool:
    """Whether we are root on the engine's computer and see its processes.

    The other end of the socket is a process of our PID namespace or a parent's: then its PID reads 0
    (SO_PEERCRED, unix(7)).
    """
    if os.geteuid() != 0 or not base_url.startswith(("unix://", "http+unix://")):
        return False
    path = "/" + base_url.partition("://")[2].lstrip("/")
    with socket.socket(socket.AF_UNIX) as sock:
        try:
            sock.connect(path)
            credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        except OSError:
            return False
    return bool(struct.unpack("3i", credentials)[0])


class Api:
    """A `docker.APIClient` whose calls raise `EngineUnavailable` when the engine does not answer any more."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not callable(found):
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            from docker.errors import APIError
            from requests.exceptions import RequestException

            try:
                return found(*args, **kwargs)
            except APIError:  # it did answer: what it refuses is for the caller to tell
                raise
            except RequestException as error:
                raise EngineUnavailable(
                    f"the Docker engine does not answer any more: {error}", hint="initlab doctor"
                ) from None

        return call
