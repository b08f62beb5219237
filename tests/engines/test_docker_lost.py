"""The Docker engine goes away while a sandbox runs: one clear message, and nothing of ours breaks."""

from __future__ import annotations

import contextlib
import gc
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.engines.base import Image
from helpers.engines.docker import Docker
from helpers.errors import EngineError, EngineUnavailable
from tests.engines.conftest import make
from tests.engines.support import IDLE, eventually

pytestmark = [
    pytest.mark.live,
    pytest.mark.docker,
    # A client cut off in the middle of a call leaves that socket to the collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class Proxy:
    """A socket in front of the engine's, which can be cut and joined again."""

    def __init__(self, path: Path, engine: str) -> None:
        self.path = path
        self._engine = engine
        self._open: list[socket.socket] = []
        self.join()

    def join(self) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen(64)
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        self.path.unlink()
        for sock in [self._listener, *self._open]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        self._open.clear()

    def _serve(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                engine = socket.socket(socket.AF_UNIX)
                engine.connect(self._engine)
                self._open += [client, engine]
                for pair in ((client, engine), (engine, client)):
                    threading.Thread(target=_copy, args=pair, daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    make("docker")
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if not host.startswith("unix://"):
        pytest.skip(f"the engine is not at a Unix socket: {host}")
    proxy = Proxy(tmp_path / "engine.sock", host.removeprefix("unix://"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{proxy.path}")
    monkeypatch.setattr(Docker, "_connections", {})
    yield proxy
    with contextlib.suppress(OSError):
        proxy.cut()


def test_an_engine_that_goes_away_is_told_and_found_again(
    proxy: Proxy, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every call raises an `EngineError` that says so; once it is back, what is left can be removed."""
    box = Docker().start(image, IDLE)
    assert box.exec(["echo", "here"]).text == "here"
    proxy.cut()
    for call in (lambda: box.exec(["true"]), box.shell_command, box.processes, lambda: box.signal(15)):
        with contextlib.suppress(EngineError):  # the process table needs no engine; all else says it is gone
            call()
    with pytest.raises(EngineError) as caught:
        box.exec(["true"])
    assert "does not answer" in str(caught.value)
    assert not Docker().availability().ok
    monkeypatch.setattr(Docker, "_connections", {})
    with pytest.raises(EngineUnavailable, match="DOCKER_HOST"):
        Docker().start(image, IDLE)
    proxy.join()
    with contextlib.suppress(EngineError):
        box.destroy()

    def none_left() -> bool:
        import docker

        client = docker.from_env()
        try:
            left = client.api.containers(all=True, filters={"name": box.id})
            for container in left:
                with contextlib.suppress(docker.errors.APIError):
                    client.api.remove_container(container["Id"], force=True)
            return not left
        finally:
            client.close()

    gc.collect()
    eventually(none_left, "the container can be removed once the engine is back")
