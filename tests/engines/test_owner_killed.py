"""Everything a sandbox uses is gone when its owner is gone, however that process ended."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.engines.base import Image
from tests.engines.conftest import make
from tests.engines.support import eventually

_ROOT = Path(__file__).resolve().parents[2]
_GONE = 10.0  # s; a killed embedded owner's sandbox is gone in well under one


class Owners:
    """Owner processes with a run folder and a marker of their own, and what is left of them."""

    def __init__(self, engine: str, image: Image, folder: Path) -> None:
        self._engine = engine
        self._image = image
        self.folder = folder
        self.marker = str(uuid.uuid4().int % 10**15)  # also a number of seconds to sleep
        self._owners: list[subprocess.Popen[bytes]] = []
        self._interfaces = socket.if_nameindex()

    def start(self, what: str = "wait") -> subprocess.Popen[bytes]:
        image = self._image
        owner = subprocess.Popen(
            [sys.executable, "-m", "tests.engines.owner", self._engine, str(image.rootfs), image.digest,
             self.marker, what],
            cwd=_ROOT,
            env={**os.environ, "XDG_RUNTIME_DIR": str(self.folder)},
            stdout=subprocess.PIPE,
        )  # fmt: skip
        self._owners.append(owner)
        return owner

    def said(self, owner: subprocess.Popen[bytes]) -> dict[str, Any]:
        """What the owner printed: its sandboxes run now."""
        assert owner.stdout is not None
        line = owner.stdout.readline()
        assert line, f"the owner ended with {owner.wait()} before its sandbox ran"
        found: dict[str, Any] = json.loads(line)
        return found

    def end(self) -> None:
        for owner in self._owners:
            owner.kill()
            owner.wait()
            if owner.stdout is not None:
                owner.stdout.close()

    def left(self) -> list[str]:
        """A sentence for every trace there is."""
        return [
            *_processes_with(self.marker, str(self.folder)),
            *_mounts_below(self.folder),
            *self._cgroups(),
            *self._containers(),
            *(f"network interface {i}" for i in socket.if_nameindex() if i not in self._interfaces),
        ]

    def folders(self) -> list[str]:
        """What is left in the run folder, besides the lock on it."""
        return sorted(
            str(path.relative_to(self.folder))
            for path in self.folder.glob("initlab-*/*")
            if path.name != "lock"
        )

    def _cgroups(self) -> list[str]:
        ours = {f"initlab.{owner.pid}-" for owner in self._owners}
        return [
            f"cgroup {folder}"
            for folder, _, _ in os.walk("/sys/fs/cgroup")
            if any(os.path.basename(folder).startswith(prefix) for prefix in ours)
        ]

    def _containers(self) -> list[str]:
        if self._engine == "embedded":
            return []
        import docker

        client = docker.from_env()
        try:
            found = client.api.containers(all=True)
        finally:
            client.close()
        return [f"container {c['Id'][:12]} {c['State']}" for c in found if self.marker in str(c)]


def _processes_with(*words: str) -> list[str]:
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            try:
                line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if any(word in line for word in words):
                found.append(f"process {process.name}: {line[:300]}")
    return found


def _mounts_below(folder: Path) -> list[str]:
    """Mounts that mention the folder, in whatever mount namespace any process is in."""
    found = set()
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                lines = (process / "mountinfo").read_text().splitlines()
            except OSError:
                continue
            found |= {f"mount of process {process.name}: {line}" for line in lines if str(folder) in line}
    return sorted(found)


@pytest.fixture
def owners(engine_name: str, image: Image, tmp_path: Path) -> Iterator[Owners]:
    make(engine_name)  # skips where the engine cannot run
    owners = Owners(engine_name, image, tmp_path)
    yield owners
    owners.end()
    eventually(lambda: not owners.left(), f"nothing is left: {owners.left()}", 30)


def _gone(owners: Owners, engine_name: str) -> None:
    # The Docker engine also waits for the daemon's last request of the owner.
    eventually(lambda: not owners.left(), "nothing is left", _GONE if engine_name == "embedded" else 30)
    eventually(lambda: not owners.folders(), "the run folder is empty", _GONE)


def test_what_the_tests_below_look_for_is_there_while_the_owner_lives(
    owners: Owners, engine_name: str
) -> None:
    """The looking sees what it looks for: processes, mounts, cgroups, containers, folders."""
    owners.said(owners.start())
    seen = owners.left()
    kinds = ["process", "mount", "cgroup"] if engine_name == "embedded" else ["process", "container"]
    for kind in kinds:
        assert any(line.startswith(kind) for line in seen), (kind, seen)
    assert owners.folders()


HOW: dict[str, Callable[[subprocess.Popen[bytes]], object]] = {
    "killed": lambda owner: owner.kill(),
    "interrupted by Ctrl-C": lambda owner: owner.send_signal(signal.SIGINT),
    "asked to end by SIGTERM": lambda owner: owner.terminate(),
    "aborted with a core dump": lambda owner: owner.send_signal(signal.SIGQUIT),
}


@pytest.mark.parametrize("how", HOW)
def test_an_owner_that_is_ended_leaves_nothing(owners: Owners, engine_name: str, how: str) -> None:
    """However that process ended: by a signal, with or without its consent."""
    owner = owners.start("command")
    said = owners.said(owner)
    HOW[how](owner)
    owner.wait(30)
    _gone(owners, engine_name)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", said["port"]), timeout=5)


@pytest.mark.parametrize("what", ["exit", "os._exit"])
def test_an_owner_that_ends_without_destroying_leaves_nothing(
    owners: Owners, engine_name: str, what: str
) -> None:
    """However that process ended: normally, or past every exit handler."""
    owner = owners.start(what)
    owners.said(owner)
    assert owner.wait(30) == 0
    _gone(owners, engine_name)


def test_a_forked_child_uses_the_engine_and_ends_without_harm(owners: Owners, engine_name: str) -> None:
    """A forked child is an owner of its own; its end leaves its parent's sandboxes alone."""
    owner = owners.start("fork")
    assert owners.said(owner)["fork"] == "fine"
    assert owner.wait(30) == 0
    _gone(owners, engine_name)


def test_a_killed_keeper_takes_its_sandboxes_along_and_the_next_start_sweeps(
    owners: Owners, engine_name: str
) -> None:
    """A sandbox without its keeper would outlive its owner: it ends, says why, and another can be started."""
    owner = owners.start("keeper-killed")
    said = owners.said(owner)
    assert said["code"] == 137
    assert "its keeper process was killed" in said["message"]
    owner.kill()
    owner.wait()
    _gone(owners, engine_name)


@pytest.mark.slow
def test_many_owners_killed_at_random_moments_leave_nothing(owners: Owners, engine_name: str) -> None:
    """50 owners (10 for Docker), killed by SIGKILL at random moments, during the start too."""
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    count, batch, longest = (50, 5, 1.2) if engine_name == "embedded" else (10, 5, 3.0)
    for _ in range(count // batch):
        doomed = []
        for _ in range(batch):
            owner = owners.start(chance.choice(["wait", "command"]))
            doomed.append((time.monotonic() + chance.uniform(0.1, longest), owner))
        doomed.sort(key=lambda pair: pair[0])
        for moment, owner in doomed:
            time.sleep(max(0.0, moment - time.monotonic()))
            owner.kill()
            owner.wait()
    eventually(lambda: not owners.left(), f"nothing is left (seed {seed})", 30)
    # An owner killed before it had a keeper leaves an empty folder: the next start, or a sweep, removes it.
    assert all(len(Path(name).parts) == 2 for name in owners.folders()), owners.folders()
    owner = owners.start("exit")
    owners.said(owner)
    owner.wait(30)
    _gone(owners, engine_name)
