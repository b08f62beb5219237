"""The engine protocol: ports of a sandbox, reached from the host."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from helpers.engines.base import Engine, Image, Network, Sandbox
from helpers.errors import SandboxError
from tests.engines.support import ECHO_SERVER, REPLY_AT_END_SERVER, eventually, find, python

FAR = True
LOOPBACK, ANY, AT_END, NOBODY = 8001, 8002, 8003, 8004


@pytest.fixture(scope="module")
def net(engine: Engine, image: Image) -> Iterator[Sandbox]:
    """A sandbox with services on three of its four declared ports."""
    script = (
        f'python3 -c "$1" 127.0.0.1 {LOOPBACK} & python3 -c "$1" 0.0.0.0 {ANY} & '
        f'python3 -c "$1" 127.0.0.1 9999 & exec python3 -c "$2" {AT_END}'
    )
    network = Network(ports=(LOOPBACK, ANY, AT_END, NOBODY))
    box = engine.start(image, ["sh", "-c", script, "sh", ECHO_SERVER, REPLY_AT_END_SERVER], network=network)
    for port in (LOOPBACK, ANY, AT_END, 9999):
        listening = f":{port:04X} 00000000:0000 0A".encode()
        eventually(lambda line=listening: line in box.read("/proc/net/tcp"), f"port {port} listens", 30)  # type: ignore[misc]
    yield box
    box.destroy()


def _connect(box: Sandbox, port: int) -> socket.socket:
    return socket.create_connection(box.address(port), timeout=30)


def _echo(box: Sandbox, port: int, line: bytes) -> bytes:
    with _connect(box, port) as sock, sock.makefile("rb") as file:
        sock.sendall(line)
        return file.readline()


@pytest.mark.parametrize("port", [LOOPBACK, ANY])
def test_a_declared_port_is_reached_from_the_host(net: Sandbox, port: int) -> None:
    """TCP ports that services inside listen on (127.0.0.1 or any address)."""
    host, number = net.address(port)
    assert host == "127.0.0.1"
    assert number > 1024
    assert _echo(net, port, b"hello\n") == b"hello\n"
    assert net.address(port) == (host, number)


@pytest.mark.parametrize("port", [9999, 80, 0, -1])
def test_an_undeclared_port_is_named_with_those_that_are_declared(net: Sandbox, port: int) -> None:
    """Raises `SandboxError` for a port the network does not declare."""
    with pytest.raises(SandboxError, match=rf"port {port} .*{LOOPBACK}, {ANY}, {AT_END}, {NOBODY}"):
        net.address(port)


def test_a_sandbox_without_ports_says_so(box: Sandbox) -> None:
    """Raises `SandboxError` for a port the network does not declare; the hint says how to."""
    with pytest.raises(SandboxError, match="none") as caught:
        box.address(80)
    assert "Network(ports=" in caught.value.hint


def test_a_port_nobody_listens_on_is_refused_at_once(net: Sandbox) -> None:
    """As a port of the host would be: an error, no hanging, no empty answer."""
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        _echo(net, NOBODY, b"anybody?\n")


def test_a_service_that_starts_late_is_reached_once_it_listens(net: Sandbox) -> None:
    """The port is the service's, whenever it comes and goes."""
    with net.popen(python(ECHO_SERVER, "127.0.0.1", str(NOBODY))) as server:

        def answers() -> bool:
            try:
                return _echo(net, NOBODY, b"late\n") == b"late\n"
            except OSError:
                return False

        eventually(answers, "the late service answers", 15)
        server.kill()


def test_a_hundred_connections_at_once(net: Sandbox, engine_name: str) -> None:
    """Many connections at the same time, each with its own bytes."""
    count = 10 if engine_name == "docker-far" else 100  # there, each is a command inside
    barrier = threading.Barrier(count)

    def talk(number: int) -> bytes:
        with _connect(net, LOOPBACK) as sock, sock.makefile("rb") as file:
            sock.sendall(f"{number}\n".encode())
            first = file.readline()
            barrier.wait(60)  # all are open now
            sock.sendall(f"again {number}\n".encode())
            return first + file.readline()

    with ThreadPoolExecutor(count) as pool:
        answers = list(pool.map(talk, range(count)))
    assert answers == [f"{n}\nagain {n}\n".encode() for n in range(count)]


def test_large_transfers_arrive_whole_both_ways_after_a_half_close(net: Sandbox) -> None:
    """20 MB up, the end of input passed on, and 20 MB down to the last byte."""
    data = os.urandom(1 << 20) * 20
    with _connect(net, AT_END) as sock:

        def send() -> None:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        received = bytearray()
        while chunk := sock.recv(1 << 16):
            received += chunk
        sender.join()
    assert len(received) == len(data)
    assert hashlib.sha256(received).digest() == hashlib.sha256(data).digest()


def test_a_slow_reader_gets_everything(net: Sandbox) -> None:
    """Bytes wait for a reader that takes its time, and come whole."""
    data = bytes(range(256)) * 20_000
    with _connect(net, AT_END) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        received = bytearray()
        while chunk := sock.recv(1 << 16):
            received += chunk
            time.sleep(0.002)  # slower than the other side writes
    assert received == data


def test_a_client_that_goes_away_harms_nobody(net: Sandbox) -> None:
    """Connections dropped half-way leave the others as they are."""
    import struct

    with _connect(net, LOOPBACK) as stays, stays.makefile("rb") as file:
        for _ in range(5):
            sock = _connect(net, AT_END)
            sock.sendall(b"x" * 100_000)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
        stays.sendall(b"still here\n")
        assert file.readline() == b"still here\n"


def test_a_service_that_dies_ends_its_connections(start: Callable[..., Sandbox]) -> None:
    """The client sees the end (or a reset) when the process at the other end is killed."""
    box = start(network=Network(ports=(8005,)))
    with box.popen(python(ECHO_SERVER, "127.0.0.1", "8005")):
        eventually(lambda: b":1F45 00000000:0000 0A" in box.read("/proc/net/tcp"), "it listens", 15)
        with _connect(box, 8005) as sock, sock.makefile("rb") as file:
            sock.sendall(b"one\n")
            assert file.readline() == b"one\n"
            box.signal(9, find(box, "8005")[0].pid)
            with contextlib.suppress(ConnectionResetError):
                assert file.readline() == b""


def test_two_sandboxes_may_use_the_same_port(start: Callable[..., Sandbox]) -> None:
    """Ports belong to a sandbox: the host side is a free port for each."""
    network = Network(ports=(8006,))
    server = "import socketserver, sys\nclass H(socketserver.BaseRequestHandler):\n" \
        "    def handle(self): self.request.sendall(sys.argv[1].encode())\n" \
        "socketserver.TCPServer(('127.0.0.1', 8006), H).serve_forever()"  # fmt: skip
    boxes = {name: start(python(server, name), network=network) for name in ("one", "two")}
    assert len({box.address(8006) for box in boxes.values()}) == 2

    def answer(box: Sandbox) -> str:
        try:
            with _connect(box, 8006) as sock:
                return sock.recv(100).decode()
        except OSError:
            return ""

    for name, box in boxes.items():
        assert eventually(lambda box=box: answer(box), f"{name} answers", 15) == name  # type: ignore[misc]


def test_the_hosts_port_is_closed_when_the_sandbox_is_destroyed(start: Callable[..., Sandbox]) -> None:
    """`destroy` removes every trace."""
    box = start(network=Network(ports=(8007,)))
    address = box.address(8007)
    box.destroy()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=5)
