"""Parts of the Docker engine that need no daemon: finding one, streams, owners."""

from __future__ import annotations

import contextlib
import gc
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.engines import _docker_daemon as daemon
from helpers.engines._docker_owner import OWNER, TITLE, _is_gone, owner_label, sweep
from helpers.engines._docker_stream import Console, Stream

# -- finding an engine --------------------------------------------------------------------------


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which alone engines are looked for."""
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(daemon, "_sockets", lambda: [tmp_path / "docker.sock", tmp_path / "podman.sock"])
    return tmp_path


def test_without_an_engine_the_way_to_get_one_is_told(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No daemon, none installed: what to install."""
    monkeypatch.setattr("shutil.which", lambda name, path=None: None)
    _, found = daemon.find_daemon()
    assert not found.ok
    assert found.reason == "neither Docker nor Podman is installed"
    assert "apt-get install docker.io" in found.mend


@pytest.mark.parametrize(
    ("installed", "reason", "mends"),
    [
        ("dockerd", "the Docker daemon does not run", ("systemctl start docker", "dockerd & (as root)")),
        (
            "podman",
            "Podman's API service does not run",
            ("systemctl start podman.socket", "podman system service --time=0 &"),
        ),
    ],
)
def test_an_engine_that_is_installed_and_does_not_run_is_to_be_started(
    places: Path, monkeypatch: pytest.MonkeyPatch, installed: str, reason: str, mends: tuple[str, str]
) -> None:
    """The exact command, with systemd and without."""
    monkeypatch.setattr(
        "shutil.which", lambda name, path=None: f"/usr/sbin/{name}" if name == installed else None
    )
    _, found = daemon.find_daemon()
    assert (found.ok, found.reason) == (False, reason)
    assert found.mend in mends


def test_a_socket_nobody_listens_at_is_named(places: Path) -> None:
    """What a killed daemon leaves."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(places / "docker.sock"))
    _, found = daemon.find_daemon()
    assert found.reason == f"no engine listens at {places}/docker.sock any more"
    assert found.mend in ("systemctl start docker", "dockerd & (as root)")


def test_a_socket_one_may_not_use_is_named_with_the_group_to_join(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason and the exact command: `usermod -aG`."""
    path = places / "docker.sock"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        sock.listen()

        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(daemon, "socket", _SocketModule(refuse))
        monkeypatch.setattr("getpass.getuser", lambda: "learner")
        monkeypatch.setattr("grp.getgrgid", lambda gid: type("Group", (), {"gr_name": "docker"}))
        _, found = daemon.find_daemon()
    assert found.reason == f"user learner may not use {path}"
    assert found.mend == "usermod -aG docker learner (as root), then log in again"


class _SocketModule:
    """`socket` with a `connect` that does as told."""

    AF_UNIX = socket.AF_UNIX

    def __init__(self, connect: Any) -> None:
        self._connect = connect

    def socket(self, *_: object) -> Any:
        class Refusing:
            connect = staticmethod(self._connect)

            def __enter__(self) -> Refusing:
                return self

            def __exit__(self, *_: object) -> None:
                pass

        return Refusing()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_engine_that_does_not_speak_the_api_is_named(places: Path) -> None:
    """Somebody else listens there."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(places / "docker.sock"))
        sock.listen()

        def answer() -> None:
            for _ in range(2):  # one looks whether anybody listens, the other asks
                client, _ = sock.accept()
                with client, contextlib.suppress(BrokenPipeError):
                    client.recv(1000)
                    client.sendall(b"220 mail.example ESMTP\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        _, found = daemon.find_daemon()
        thread.join(5)
    gc.collect()  # the client library leaves its socket to the collector when it is answered so
    assert not found.ok
    assert found.reason.startswith(f"the engine at {places}/docker.sock does not answer")


def test_what_docker_host_says_is_named_when_it_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """DOCKER_HOST goes first; nothing else is tried behind its back."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    url, found = daemon.find_daemon()
    assert (url, found.ok) == ("", False)
    assert "DOCKER_HOST=unix:///nowhere/docker.sock" in found.reason
    assert "unset DOCKER_HOST" in found.mend


@pytest.mark.parametrize(
    "url", ["tcp://127.0.0.1:2375", "ssh://somewhere", "unix:///nowhere/docker.sock", ""]
)
def test_an_engine_elsewhere_is_not_near(url: str) -> None:
    """Near: we are root on the engine's computer and see its processes."""
    assert not daemon.is_near(url)


def test_an_engine_of_this_computer_is_near_to_root_only(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process at the other end of the socket is one of ours."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(places / "docker.sock"))
        sock.listen()
        url = f"unix://{places}/docker.sock"
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        assert daemon.is_near(url)
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        assert not daemon.is_near(url)


# -- streams ------------------------------------------------------------------------------------


def _frame(number: int, data: bytes) -> bytes:
    return bytes([number, 0, 0, 0]) + len(data).to_bytes(4, "big") + data


@pytest.fixture
def ends() -> Iterator[tuple[Stream, socket.socket]]:
    ours, theirs = socket.socketpair()
    stream = Stream(ours)
    yield stream, theirs
    stream.close()
    theirs.close()


def test_frames_are_read_however_they_are_cut(ends: tuple[Stream, socket.socket]) -> None:
    """A frame may come in pieces, and several in one."""
    stream, engine = ends
    frames = [(1, b"out"), (2, b"err"), (1, b""), (1, bytes(range(256)) * 300)]
    data = b"".join(_frame(*frame) for frame in frames)

    def send() -> None:
        for start in range(0, 40, 3):
            engine.sendall(data[start : start + 3])
        engine.sendall(data[42:])
        engine.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=send)
    thread.start()
    assert [stream.read(5) for _ in frames] == frames
    assert stream.read(5) is None
    thread.join()


def test_reading_ends_at_its_deadline_and_can_go_on(ends: tuple[Stream, socket.socket]) -> None:
    """TimeoutError after `timeout` seconds; what had come of a frame is kept."""
    stream, engine = ends
    engine.sendall(_frame(1, b"whole")[:10])
    with pytest.raises(TimeoutError):
        stream.read(0.05)
    engine.sendall(_frame(1, b"whole")[10:])
    assert stream.read(5) == (1, b"whole")


def test_a_console_keeps_the_newest_bytes(ends: tuple[Stream, socket.socket]) -> None:
    """The newest `limit` bytes, and a call at the end."""
    stream, engine = ends
    over = threading.Event()
    console = Console(stream, 1000, over.set)
    console.start()
    for number in range(100):
        engine.sendall(_frame(1 + number % 2, f"{number:099d}\n".encode()))
    engine.close()
    assert over.wait(5)
    assert console.text() == b"".join(f"{number:099d}\n".encode() for number in range(90, 100))


# -- owners -------------------------------------------------------------------------------------


def test_this_process_lives() -> None:
    """Whether the owner named by a label lives no more."""
    assert not _is_gone(owner_label(), running=True)
    assert owner_label() == owner_label()


def test_a_process_that_has_ended_is_gone_reaped_or_not() -> None:
    """A zombie owns nothing any more."""
    code = "from helpers.engines._docker_owner import owner_label; print(owner_label(), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        label = process.stdout.readline().strip()
        assert label.startswith(f"{process.pid}:")
        assert not _is_gone(label, running=True)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, and not reaped
        assert _is_gone(label, running=True)
    assert _is_gone(label, running=True)


def test_the_same_number_given_to_another_process_is_not_the_owner() -> None:
    """A PID alone would be another's after a while: the start time tells."""
    pid, _, rest = owner_label().split(":", 2)
    assert _is_gone(f"{pid}:1:{rest}", running=True)


def test_an_owner_we_cannot_look_at_is_spared() -> None:
    """Of another boot (or computer): what still runs is spared. Of another PID namespace: everything."""
    pid, start, boot, namespace = owner_label().split(":", 3)
    elsewhere = f"{pid}:1:00000000-0000-0000-0000-000000000000:{namespace}"
    assert not _is_gone(elsewhere, running=True)
    assert _is_gone(elsewhere, running=False)
    other = f"{pid}:1:{boot}:pid:[1]"
    assert not _is_gone(other, running=True)
    assert not _is_gone(other, running=False)
    assert start


class _Api:
    """An engine with containers: their labels and states."""

    def __init__(self, containers: list[dict[str, Any]]) -> None:
        self._containers = containers
        self.removed: list[str] = []

    def containers(self, **_: Any) -> list[dict[str, Any]]:
        return self._containers

    def remove_container(self, container: str, **_: Any) -> None:
        self.removed.append(container)


def test_a_sweep_removes_what_dead_owners_left_and_nothing_else() -> None:
    """Returns a sentence for each thing removed."""
    mine = owner_label()
    dead = mine.replace(mine.split(":")[1], "1", 1)
    api = _Api(
        [
            {
                "Id": "a",
                "Names": ["/initlab-a"],
                "Labels": {OWNER: mine, TITLE: "lab: init"},
                "State": "running",
            },
            {
                "Id": "b",
                "Names": ["/initlab-b"],
                "Labels": {OWNER: dead, TITLE: "lab: init"},
                "State": "running",
            },
        ]
    )
    said = sweep(api)
    assert api.removed == ["b"]
    assert said == [f"removed container initlab-b (lab: init): its owner {os.getpid()} is gone"]
