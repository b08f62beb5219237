"""Place 5, `p3.health`: asking services whether they can be used, by TCP, HTTP and a command.

Sources: connect(2), RFC 9110 (status codes), kill(2), and the contract at the top of src/health.rs.
"""

from __future__ import annotations

from typing import Any

from checks.behaviours import Finding, Suite, Trial
from checks.extensions.hints import HEALTH
from checks.extensions.part import Machine, Part, Spec, add_compiles, script
from checks.pid1.asking import alive
from checks.pid1.box import random_word
from checks.stages.box import names, service
from helpers.filetree import FileTree

__all__ = ["SUITE"]

SUITE: Suite[Part] = Suite(HEALTH, control=Part.known_good)
add_compiles(SUITE)

_SERVER = "/opt/lab/server.py"
# server.py PORT MODE WORD…: what it does to each connection, one word after the other, the last one for ever.
# It notes when it began to listen, and each word when it was acted upon.
_TEXT = """
import socket, sys, threading, time
port, words = int(sys.argv[1]), sys.argv[2:]
def note(word):
    with open("/run/heard", "a") as file: file.write(f"{word}\\n")
delay = 0.0
if words[0].startswith("late"):
    delay = float(words.pop(0)[4:])
time.sleep(delay)
listener = socket.create_server(("127.0.0.1", port), backlog=64)
note("listens")
def serve(connection, word):
    try:
        if word == "silent":
            time.sleep(30)
        elif word == "drips":
            for _ in range(100):
                connection.sendall(b"H"); time.sleep(0.2)
        elif word != "shut":
            head = b""
            while b"\\r\\n\\r\\n" not in head and (more := connection.recv(4096)): head += more
            if head.split(b" ")[:1] != [b"GET"]:
                return
            path = head.split(b" ")[1].decode()
            note(f"{word} {path}")
            connection.sendall(f"HTTP/1.1 {word} X\\r\\nContent-Length: 0\\r\\n\\r\\n".encode())
    except OSError:
        pass
    finally:
        connection.close()
while True:
    connection, _ = listener.accept()
    word = words.pop(0) if len(words) > 1 else words[0]
    threading.Thread(target=serve, args=(connection, word), daemon=True).start()
"""
_PATIENCE = 8.0


def _tree() -> FileTree:
    tree = FileTree()
    tree.add(_SERVER, _TEXT)
    return tree


def _serves(name: str, port: int, *words: str, **fields: Any) -> Spec:
    command = ["/usr/bin/python3", _SERVER, str(port), *words]
    return {"name": name, "command": command, "restart": {"policy": "never"}, **fields}


def _port(trial: Trial) -> int:
    return trial.rng.randrange(2000, 9000)


@SUITE.behaviour(
    "tcp", points=2, needs=("compiles",), asked="tell a port that listens from one that does not"
)
@alive("ends-early")
def tcp(trial: Trial, part: Part) -> Finding:
    """Who needs the service is started when it listens, and not before."""
    server, client = names(trial, 2)
    port = _port(trial)
    ready = {"kind": "tcp", "port": port}
    checks = script("cat /run/heard >/run/when; exec sleep 600")
    services = [
        {"name": client, "command": checks, "depends_on": [server], "restart": {"policy": "never"}},
        _serves(server, port, "late0.8", "shut", readiness=ready),
    ]
    expected = f"{client} starts when {server} listens on {port}"
    box = Machine(trial, part, services, tree=_tree())
    box.wait(lambda: box.text("/run/when") is not None, _PATIENCE)
    when = box.text("/run/when")
    if when is None:
        return trial.no(expected=expected, seen=f"{client} was not started", hint="never-ready")
    if "listens" not in when:
        return trial.no(expected=expected, seen=f"{client} was started before", hint="too-early")
    return trial.ok(expected=expected, seen="so it does")


@SUITE.behaviour("http", points=2, needs=("compiles",), asked="tell good answers to a GET from bad ones")
@alive("ends-early")
def http(trial: Trial, part: Part) -> Finding:
    """503, 404, a closed connection are bad, 200 to 399 good. The path is the manifest's."""
    server, client = names(trial, 2)
    port, path = _port(trial), f"/{random_word(trial.rng)}?{random_word(trial.rng)}=1"
    bad = trial.rng.sample(["503", "404", "500", "shut", "403"], 3)
    good = trial.rng.choice(["204", "302", "301", "399", "201"])
    services = [
        _serves(server, port, *bad, good, readiness={"kind": "http", "port": port, "path": path}),
        service(client, "stay", depends_on=[server]),
    ]
    expected = f"{client} starts after {', '.join(bad)} and then {good}"
    box = Machine(trial, part, services, tree=_tree())
    up = box.wait(lambda: client in box.up(), _PATIENCE)
    heard = (box.text("/run/heard") or "").splitlines()[1:]
    if any(not line.endswith(f" {path}") for line in heard):
        return trial.no(expected=f"GET {path}", seen=f"heard {heard[0]}", hint="another-path")
    answered = {line.split()[0] for line in heard}
    if up and good not in answered:
        return trial.no(
            expected=expected, seen=f"{client} was started after {heard or 'nothing'}", hint="too-early"
        )
    if not up:
        hint = "only-200" if good in answered else "never-ready"
        return trial.no(expected=expected, seen=f"it was not; the server heard {heard}", hint=hint)
    return trial.ok(expected=expected, seen="so it does")


@SUITE.behaviour("patience", points=2, needs=("http",), asked="give nobody longer than its timeout")
@alive("ends-early")
def patience(trial: Trial, part: Part) -> Finding:
    """A server that takes the connection and says nothing, or a byte now and then, is asked again."""
    server, client = names(trial, 2)
    port = _port(trial)
    slow = trial.rng.sample(["silent", "drips"], 2)
    services = [
        _serves(server, port, *slow, "200", readiness={"kind": "http", "port": port, "path": "/"}),
        service(client, "stay", depends_on=[server]),
    ]
    expected = f"asked three times: {slow[0]}, {slow[1]}, 200; each no longer than a second"
    box = Machine(trial, part, services, tree=_tree())
    if not box.wait(lambda: client in box.up(), _PATIENCE):
        return trial.no(expected=expected, seen=f"{client} was not started in {_PATIENCE:g} s", hint="waits")
    if not any(line.startswith("200") for line in (box.text("/run/heard") or "").splitlines()):
        return trial.no(
            expected=expected, seen=f"{client} was started before the answer 200", hint="too-early"
        )
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour("exec", points=2, needs=("compiles",), asked="ask by a command, and leave nothing of it")
@alive("ends-early")
def by_command(trial: Trial, part: Part) -> Finding:
    """Exit code 0 is good, all else bad; one that hangs is killed with its children, and reaped."""
    server, client = names(trial, 2)
    code = trial.rng.randrange(1, 100)
    # The first hangs with a child, the next ones fail, the last says yes.
    probe = (
        "n=$(cat /run/n 2>/dev/null || echo 0); n=$((n+1)); echo $n >/run/n; "
        f"case $n in 1) sleep 777 & wait ;; 2|3) exit {code} ;; esac; exit 0"
    )
    services = [
        service(server, "stay", readiness={"kind": "exec", "command": script(probe)}),
        service(client, "stay", depends_on=[server]),
    ]
    expected = f"asked four times: it hangs, exit {code} twice, 0"
    box = Machine(trial, part, services)
    up = box.wait(lambda: client in box.up(), _PATIENCE)
    asked = int((box.text("/run/n") or "0").strip() or 0)
    if not up:
        return trial.no(
            expected=expected,
            seen=f"asked {asked} times, and never ready",
            hint="waits" if asked < 2 else "never-ready",
        )
    if asked < 4:
        return trial.no(expected=expected, seen=f"{client} was started after {asked}", hint="too-early")

    def left() -> list[str]:
        return [" ".join(p.argv) for p in box.processes() if p.argv[:2] == ("sleep", "777")]

    if not box.wait(lambda: not left(), 2.0):
        return trial.no(
            expected=expected, seen=f"`{left()[0]}` of the first probe still runs", hint="left-over"
        )
    if not box.wait(lambda: not box.zombies(), 3.0):
        return trial.no(expected="no zombie", seen=f"{len(box.zombies())}", hint="left-over")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour("heartbeat", points=1, needs=("http",), asked="notice a service that is no longer well")
@alive("ends-early")
def heartbeat(trial: Trial, part: Part) -> Finding:
    """Ready, and then only bad answers: the supervisor restarts it."""
    (server,) = names(trial, 1)
    port = _port(trial)
    services = [
        _serves(
            server, port, "200", "500", readiness={"kind": "http", "port": port, "path": "/"},
            restart={"policy": "always", "delay": 0.1},
        )
    ]  # fmt: skip
    expected = f"{server} is restarted when it answers 500"
    box = Machine(trial, part, services, tree=_tree())
    if not box.wait(box.told("ready", server), _PATIENCE):
        return trial.no(expected=expected, seen="it was never ready", hint="never-ready")
    if not box.wait(box.told("start", server, 2), _PATIENCE):
        return trial.no(expected=expected, seen="it runs on", hint="any-answer")
    return trial.ok(expected=expected, seen="so it is")
