"""The web stack: its manifest, and the app alone, on the host, beside a redis of four lines."""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.manifest import dependents, expand, levels, load, order, validate

WEB = Path(__file__).parents[2] / "labs" / "stacks" / "web"


def load_app() -> ModuleType:
    spec = importlib.util.spec_from_file_location("web_app", WEB / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


APP = load_app()


class Redis:
    """Answers INCR with a number that grows, PING with PONG, anything else with an error."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]  # noqa: UP031
        self.hits = 0
        self.delay = threading.Event()
        self.delay.set()
        self.asked = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            with conn:
                asked = conn.recv(4096)
                self.asked.set()
                self.delay.wait(5)
                if asked == b"*1\r\n$4\r\nPING\r\n":
                    conn.sendall(b"+PONG\r\n")
                elif asked == b"*2\r\n$4\r\nINCR\r\n$4\r\nhits\r\n":
                    self.hits += 1
                    conn.sendall(b":%d\r\n" % self.hits)
                else:
                    conn.sendall(b"-ERR unknown command\r\n")

    def close(self) -> None:
        if self.listener.fileno() >= 0:
            self.listener.shutdown(socket.SHUT_RDWR)  # a close alone waits for the accept under way
            self.listener.close()


class App:
    """The app as a process of its own, ready; its standard output is collected at the end."""

    def __init__(self, redis: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        ready, tell = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, str(WEB / "app.py")],
            env={"LISTEN": f"127.0.0.1:{self.port}", "REDIS": redis, "NOTIFY_FD": str(tell)},
            pass_fds=[tell],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        os.close(tell)
        with open(ready, "rb") as said:
            self.said = said.read()  # until the app closes its end

    def ask(self, path: str, method: str = "GET", body: bytes | None = None) -> tuple[int, Any]:
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        conn.request(method, path, body)
        response = conn.getresponse()
        data = response.read()
        conn.close()
        return response.status, json.loads(data) if data else None

    def stop(self) -> tuple[int, list[dict[str, Any]], str]:
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=10)
        return self.process.returncode, [json.loads(line) for line in out.splitlines()], err.decode()


@contextmanager
def running(redis: str) -> Iterator[App]:
    app = App(redis)
    try:
        yield app
    finally:
        app.process.kill()
        app.process.communicate()


@pytest.fixture
def redis() -> Iterator[Redis]:
    served = Redis()
    yield served
    served.close()


def test_the_manifest_loads_and_starts_redis_then_app_then_nginx() -> None:
    """redis → app → nginx, each ready before the next one starts."""
    manifest = load(WEB / "manifest.toml")
    assert manifest.name == "web"
    assert order(manifest) == ("redis", "app", "nginx")
    assert levels(manifest) == (("redis",), ("app",), ("nginx",))
    assert dependents(manifest, "redis") == ("app", "nginx")
    assert expand(manifest) == validate(manifest) == manifest


def test_the_manifest_declares_the_ports_and_a_readiness_for_each() -> None:
    """Ports: redis 6379, app 8000, nginx 8080; every service can be asked whether it is ready."""
    manifest = load(WEB / "manifest.toml")
    assert {s.name: s.ports for s in manifest.services} == {
        "redis": (6379,),
        "app": (8000,),
        "nginx": (8080,),
    }
    assert {s.name: s.readiness.kind for s in manifest.services if s.readiness} == {
        "redis": "exec",
        "app": "http",
        "nginx": "tcp",
    }


def test_every_file_of_the_stack_is_laid_into_the_lab() -> None:
    """A file beside the manifest that no lab gets would be dead weight."""
    manifest = load(WEB / "manifest.toml")
    beside = {str(p) for p in WEB.iterdir() if p.is_file() and p.suffix != ".toml"}
    assert set(manifest.files.values()) == beside
    for service in manifest.services:
        for word in service.command:
            assert not word.startswith("/opt/lab/") or word in manifest.files


def test_the_configurations_agree_with_the_declared_ports() -> None:
    """What nginx and redis listen on is what the manifest says."""
    assert "listen 8080;" in (WEB / "nginx.conf").read_text()
    assert "proxy_pass http://127.0.0.1:8000;" in (WEB / "nginx.conf").read_text()
    assert "\nport 6379\n" in (WEB / "redis.conf").read_text()


@given(st.lists(st.text(max_size=12), min_size=1, max_size=4))
def test_a_command_is_encoded_as_an_array_of_bulk_strings(words: list[str]) -> None:
    """RESP: `*count`, then `$bytes` and the bytes for each word; any text survives."""
    rest = APP.encode(*words)
    head, rest = rest.split(b"\r\n", 1)
    assert head == b"*%d" % len(words)
    for word in words:
        size, rest = rest.split(b"\r\n", 1)
        length = int(size.removeprefix(b"$"))
        assert rest[:length].decode() == word
        assert rest[length : length + 2] == b"\r\n"
        rest = rest[length + 2 :]
    assert rest == b""


def test_replies_are_decoded_by_their_first_byte() -> None:
    """RESP: `+` a text, `:` an integer, `-` an error; nothing at all is a lost connection."""
    assert APP.decode(b"+PONG\r\n") == "PONG"
    assert APP.decode(b":42\r\n") == 42
    with pytest.raises(OSError, match="LOADING Redis is loading"):
        APP.decode(b"-LOADING Redis is loading\r\n")
    with pytest.raises(OSError, match="no answer"):
        APP.decode(b"")


def test_the_app_counts_visits_and_logs_each_as_one_json_line(redis: Redis) -> None:
    """GET / is JSON with a count from INCR; the log has ts, level, event, method, path, status, ms, pid."""
    with running(redis.address) as app:
        assert app.said == b"\n"
        pid = app.process.pid
        assert app.ask("/") == (200, {"hits": 1, "pid": pid})
        assert app.ask("/?x=1") == (200, {"hits": 2, "pid": pid})
        assert app.ask("/health") == (200, {"redis": "PONG"})
        assert app.ask("/nothing")[0] == 404
        assert app.ask("/", "POST", b"x" * 300_000)[0] == 405
        assert app.ask("/", "HEAD") == (200, None)
        code, log, err = app.stop()
    assert (code, err) == (0, "")
    # Each thread logs after its answer: two answers close together may be logged in either order, and the
    # last one's line may come after the one that says that the app stops.
    assert [line["event"] for line in log if line["event"] != "request"] == ["listening", "stopping"]
    requests = [line for line in log if line["event"] == "request"]
    assert sorted((line["method"], line["path"], line["status"]) for line in requests) == [
        ("GET", "/", 200),
        ("GET", "/?x=1", 200),
        ("GET", "/health", 200),
        ("GET", "/nothing", 404),
        ("HEAD", "/", 200),
        ("POST", "/", 405),
    ]
    for line in log:
        assert datetime.fromisoformat(line["ts"]).tzinfo is not None
        assert line["pid"] == pid
        assert line["level"] == "info"
    assert list(requests[0]) == ["ts", "level", "event", "method", "path", "status", "ms", "pid"]


def test_without_redis_the_app_lives_and_says_so(redis: Redis) -> None:
    """/health is 200 only when redis answers; a redis that comes back needs no restart of the app."""
    redis.close()
    with running(redis.address) as app:
        assert app.ask("/health") == (503, {"error": "redis: Connection refused"})
        assert app.ask("/")[0] == 503
        host, port = redis.address.split(":")
        redis.listener = socket.create_server((host, int(port)))
        threading.Thread(target=redis._serve, daemon=True).start()
        assert app.ask("/health")[0] == 200
        _, log, _ = app.stop()
    # A request is logged by its own thread, once it is answered: two may change places.
    assert sorted(line["level"] for line in log if line["event"] == "request") == ["error", "error", "info"]


def test_a_silent_client_keeps_nobody_waiting(redis: Redis) -> None:
    """A connection without a request (a readiness probe, a browser's spare one) blocks no other."""
    with running(redis.address) as app, socket.create_connection(("127.0.0.1", app.port)):
        assert app.ask("/health")[0] == 200
        with socket.create_connection(("127.0.0.1", app.port)) as rude:
            rude.sendall(b"what?\r\n\r\n")
        assert app.ask("/health")[0] == 200
        code, log, err = app.stop()
    assert (code, err) == (0, "")
    assert [line["status"] for line in log if line["event"] == "request"] == [200, 200]


def test_a_request_being_answered_at_sigterm_gets_its_answer(redis: Redis) -> None:
    """SIGTERM: no new connections, the answers under way are finished, exit status 0."""
    redis.delay.clear()
    with running(redis.address) as app:
        conn = http.client.HTTPConnection("127.0.0.1", app.port, timeout=5)
        conn.request("GET", "/")
        assert redis.asked.wait(5)
        app.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + 5
        while time.monotonic() < end:  # until it has stopped listening
            try:
                socket.create_connection(("127.0.0.1", app.port)).close()
                time.sleep(0.01)
            except ConnectionRefusedError:
                break
        else:
            pytest.fail("still listening five seconds after SIGTERM")
        redis.delay.set()
        assert conn.getresponse().status == 200
        conn.close()
        assert app.process.wait(5) == 0


def test_an_app_that_cannot_serve_ends_with_an_error(redis: Redis) -> None:
    """Out of file descriptors: it says so and exits 1, for a supervisor to start it again."""
    with running(redis.address) as app, ExitStack() as clients:
        resource.prlimit(app.process.pid, resource.RLIMIT_NOFILE, (6, 6))
        for _ in range(10):
            try:
                clients.enter_context(socket.create_connection(("127.0.0.1", app.port)))
            except OSError:
                break  # it has ended
        assert app.process.wait(5) == 1
        out, err = app.process.communicate()
    last = json.loads(out.splitlines()[-1])
    assert (last["level"], last["event"], err) == ("error", "accept", b"")
    assert "Too many open files" in last["error"]


def test_the_app_imports_nothing_heavy() -> None:
    """It starts in well under a tenth of a second because it imports little: no http, no asyncio."""
    code = (
        "import sys; exec(compile(open(sys.argv[1]).read(), 'app', 'exec'), {'__name__': 'app'});"
        "print(*sorted({m.split('.')[0] for m in sys.modules}))"
    )
    command = [sys.executable, "-I", "-S", "-c", code, str(WEB / "app.py")]
    loaded = set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    assert "json" in loaded
    assert not loaded & {"asyncio", "http", "email", "urllib", "ssl", "logging", "typing", "dataclasses"}
