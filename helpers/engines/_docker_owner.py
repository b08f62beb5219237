"""Which process a container belongs to, and removing the containers of those that are gone.

Every container carries `org.initlab.owner`: PID, start time (clock ticks after boot, proc_pid_stat(5)),
boot id and PID namespace of the Python process that started it. A PID alone would be another's after a
while.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

__all__ = [
    "DIVIDES",
    "OWNER",
    "STARTED",
    "TITLE",
    "USER",
    "connect",
    "main",
    "owner_label",
    "python_argv",
    "remove_owned",
    "sweep",
]

OWNER = "org.initlab.owner"
TITLE = "org.initlab.title"
USER = "org.initlab.user"
STARTED = "org.initlab.started"  # nanoseconds since 1970: the engine's own time is in seconds
DIVIDES = "org.initlab.divides"  # its PID 1 has a cgroup to divide

_SETTLED = 2.0  # s without a new container after which a killed owner's last request is over
_DEADLINE = 100.0


def connect(url: str, timeout: int = 120) -> Any:
    """A `docker.DockerClient` for the engine at `url`; the empty one is what DOCKER_HOST and its kin say.

    Raises `docker.errors.DockerException` when nobody answers there.
    """
    import docker

    if not url:
        return docker.from_env(timeout=timeout, max_pool_size=100)
    return docker.DockerClient(base_url=url, timeout=timeout, max_pool_size=100)


def python_argv(module: str) -> list[str]:
    """The command that runs `main` of a module beside this one with the packages this process sees."""
    path = json.dumps([str(Path(__file__).resolve().parents[2]), *sys.path])
    code = (
        f"import json, sys; sys.path[:] = json.loads({path!r}); "
        f"from helpers.engines.{module} import main; main()"
    )
    return [sys.executable, "-I", "-B", "-c", code]


def owner_label() -> str:
    """The label's value for this process."""
    return ":".join([str(os.getpid()), _started("self") or "", _boot(), os.readlink("/proc/self/ns/pid")])


def _started(pid: str) -> str | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return fields[19] if fields[0] != "Z" else None  # a zombie has ended
    except (OSError, IndexError):
        return None


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _is_gone(label: str, running: bool) -> bool:
    """Whether the owner named by `label` lives no more. Where we cannot look, what runs is spared."""
    pid, started, boot, namespace = [*label.split(":", 3), "", "", ""][:4]
    if boot != _boot():
        return not running  # this computer was restarted since, or it is another computer's
    if namespace != os.readlink("/proc/self/ns/pid"):
        return False  # same kernel, another PID namespace: its numbers say nothing here
    return _started(pid) != started


def remove_owned(api: Any, label: str) -> int:
    """Remove the containers of the owner `label`; returns how many there were."""
    found = api.containers(all=True, filters={"label": f"{OWNER}={label}"})
    for container in found:
        _remove(api, container["Id"])
    return len(found)


def _remove(api: Any, container: str) -> None:
    from docker.errors import APIError

    try:
        api.remove_container(container, force=True, v=True)
    except APIError as error:
        if error.status_code not in (404, 409):  # gone, or somebody else is removing it
            raise


def sweep(api: Any) -> list[str]:
    """Remove containers whose owner is gone; a sentence for each."""
    removed = []
    for container in api.containers(all=True, filters={"label": OWNER}):
        labels = container["Labels"]
        if _is_gone(labels[OWNER], container["State"] == "running"):
            _remove(api, container["Id"])
            pid = labels[OWNER].partition(":")[0]
            name = container["Names"][0].lstrip("/")
            removed.append(f"removed container {name} ({labels.get(TITLE, '')}): its owner {pid} is gone")
    return removed


def main() -> None:
    """Run as `URL LABEL` by the keeper once the owner has ended: remove its containers.

    The engine may still be busy with the owner's last request, so look until nothing new appears.
    """
    url, label = sys.argv[1:3]
    api = connect(url).api
    end = time.monotonic() + _DEADLINE
    quiet = time.monotonic() + _SETTLED
    while time.monotonic() < min(quiet, end):
        if remove_owned(api, label):
            quiet = time.monotonic() + _SETTLED
        time.sleep(0.1)
