"""How supervisor-rs asks its services: readiness by every kind of probe, in both manners; liveness."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from helpers.engines.base import Image
from tests.supervisor.rust import booted, events, manifest, status

pytestmark = [pytest.mark.live, pytest.mark.timeout(900), pytest.mark.xdist_group("supervisor-rs")]

LISTENS = """import os, socket, time
while not os.path.exists("/dev/shm/go"):
    time.sleep(0.02)
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 7001))
s.listen()
time.sleep(1000)
"""
# Answers 503 until told otherwise.
PAGE = """import http.server, os
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        good = os.path.exists("/dev/shm/go") and self.path == "/health?deep=1"
        self.send_response(204 if good else 503)
        self.end_headers()
http.server.ThreadingHTTPServer(("127.0.0.1", 7002), Page).serve_forever()
"""
WAIT = "while ! test -e /dev/shm/go; do sleep 0.02; done; "
TALKS = "import os, socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); "
TALKS += "s.sendto(b'STATUS=x\\nREADY=1', os.environ['NOTIFY_SOCKET'])"


def python(name: str, text: str, readiness: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "command": ["python3", "-c", text], "readiness": {"timeout": 60, **readiness}}


def shell(name: str, text: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "command": ["sh", "-c", text], **fields}


KINDS = [
    python("tcp", LISTENS, {"kind": "tcp", "port": 7001}),
    python("http", PAGE, {"kind": "http", "port": 7002, "path": "/health?deep=1"}),
    shell("exec", "sleep 1000", readiness={"kind": "exec", "command": ["test", "-e", "/dev/shm/go"]}),
    # s6's manner: a newline on a descriptor, of the number the manifest says, or the environment's.
    shell("fd", WAIT + "echo >&3; sleep 1000", readiness={"kind": "fd"}),
    shell("fd7", WAIT + 'test "$NOTIFY_FD" = 7 && echo >&7; sleep 1000', readiness={"kind": "fd", "fd": 7}),
    # systemd's manner: a datagram to a socket; from the first process, or from a child of it.
    shell(
        "socket", WAIT + f'exec python3 -c "{TALKS}; import time; time.sleep(1000)"', readiness={"kind": "fd"}
    ),
    shell("child", WAIT + f'python3 -c "{TALKS}"; sleep 1000', readiness={"kind": "fd"}),
]
for kind in KINDS:
    kind["readiness"]["timeout"] = 60


def test_a_service_is_ready_when_its_probe_says_so_and_not_before(image: Image, programs: Path) -> None:
    """tcp, http, exec, a newline on a descriptor, READY=1: who depends on it starts then."""
    after = [
        {"name": f"after-{kind['name']}", "command": ["sleep", "1000"], "depends_on": [kind["name"]]}
        for kind in KINDS
    ]
    with booted(image, programs, manifest(*KINDS, *after)) as box:
        names = [kind["name"] for kind in KINDS]
        started = lambda: all(s["pid"] for name, s in status(box).items() if name in names)  # noqa: E731
        assert box.until(lambda: status(box) and started(), 20), box.logs()
        # The page answers, and what it answers is no: asked again all the time.
        assert box.until(lambda: "503" in box.sh("supervisorctl-rs logs http"), 20)
        before = status(box)
        assert all((before[name]["phase"], before[name]["ready"]) == ("starting", False) for name in names)
        assert all(before[f"after-{n}"]["phase"] == "waiting" for n in names)
        assert all(before[f"after-{n}"]["waits_for"] == [n] for n in names)
        box.sh("touch /dev/shm/go")
        assert box.until(lambda: all(s["ready"] for s in status(box).values()), 30), status(box)
        said = [
            (e["service"], e["event"]) for e in events(box.logs()) if e.get("event") in ("started", "ready")
        ]
        for name in names:
            assert said.index((name, "ready")) < said.index((f"after-{name}", "started"))
        assert all(s["starts"] == 1 for s in status(box).values())


def test_what_a_stranger_says_makes_nobody_ready(image: Image, programs: Path) -> None:
    """READY=1 from a process of another service, or from one beside them all, is nobody's."""
    meddles = shell(
        "meddles", f'export NOTIFY_SOCKET=/run/supervisor/notify; python3 -c "{TALKS}"; sleep 1000'
    )
    waits = shell("waits", "sleep 1000", readiness={"kind": "fd", "timeout": 60})
    with booted(image, programs, manifest(meddles, waits)) as box:
        assert box.until(lambda: "waits" in status(box)), box.logs()
        said = box.sh(f'NOTIFY_SOCKET=/run/supervisor/notify python3 -c "{TALKS}" && echo sent')
        assert said == "sent"
        # The one that has said it last has been heard: it is what `meddles` waits with.
        assert box.until(lambda: "sleep 1000" in [" ".join(p.argv) for p in box.processes()])
        assert status(box)["waits"]["phase"] == "starting"
        assert not status(box)["waits"]["ready"]


def test_one_that_is_not_ready_in_time_goes_on_degraded_and_may_be_ready_late(
    image: Image, programs: Path
) -> None:
    """It is not killed; who depends on it waits, and starts when it is ready after all."""
    late = shell("late", WAIT + "echo >&3; sleep 1000", readiness={"kind": "fd", "timeout": 0.2})
    after = {"name": "after", "command": ["sleep", "1000"], "depends_on": ["late"]}
    with booted(image, programs, manifest(late, after)) as box:
        assert box.until(lambda: status(box).get("late", {}).get("degraded")), box.logs()
        before = status(box)
        assert before["late"]["why"] == "not ready after 0.2 seconds"
        assert before["after"]["phase"] == "waiting"
        said = box.sh("supervisorctl-rs start after; echo code $?")
        assert "after waits for late: not ready after 0.2 seconds" in said
        assert "code 1" in said
        box.sh("touch /dev/shm/go")
        assert box.until(lambda: all(s["ready"] for s in status(box).values())), status(box)
        assert status(box)["late"]["pid"] == before["late"]["pid"]


@pytest.mark.parametrize("kind", ["tcp", "http", "exec"])
def test_one_that_no_longer_answers_is_restarted(kind: str, image: Image, programs: Path) -> None:
    """Liveness: so many bad answers in a row, a stopped process among them; its neighbour goes on."""
    live: dict[str, Any] = {"kind": kind, "interval": 0.1, "timeout": 0.2, "failures": 3}
    if kind == "exec":
        live["command"] = ["sh", "-c", "! test -e /dev/shm/ill"]
    else:
        live["port"] = 7002 if kind == "http" else 7001
    if kind == "http":
        live["path"] = "/health?deep=1"
    text = PAGE if kind == "http" else LISTENS
    readiness = {"kind": "tcp", "port": 7002 if kind == "http" else 7001}
    made = python("made", text, readiness) | {"supervisor_rs": {"liveness": live}, "stop_grace": 0.3}
    beside = {"name": "beside", "command": ["sleep", "1000"]}
    with booted(image, programs, manifest(made, beside)) as box:
        box.sh("touch /dev/shm/go")
        assert box.until(lambda: all(s["ready"] for s in status(box).values()) and status(box), 20), (
            box.logs()
        )
        before = status(box)
        if kind == "tcp":
            # Its backlog is 128 and nobody accepts: full, the kernel answers no more.
            fill = "import socket, time; s = [socket.socket() for _ in range(400)]; "
            fill += "[x.setblocking(False) or x.connect_ex(('127.0.0.1', 7001)) for x in s]; time.sleep(60)"
            box.sh(f'python3 -c "{fill}" >/dev/null 2>&1 &')
        else:
            box.sh("touch /dev/shm/ill; rm /dev/shm/go")
        assert box.until(lambda: status(box)["made"]["starts"] >= 2, 20), status(box)
        told = [e for e in events(box.logs()) if e.get("field") == "supervisor_rs.liveness"]
        assert {event["service"] for event in told} == {"made"}
        assert status(box)["beside"]["pid"] == before["beside"]["pid"]
        box.sh("touch /dev/shm/go; rm -f /dev/shm/ill")
        assert box.until(lambda: status(box)["made"]["ready"], 20), status(box)


def test_one_that_answers_stays(image: Image, programs: Path) -> None:
    """Bad answers that are not in a row restart nobody: every third one is good."""
    count = "n=$(cat /dev/shm/n 2>/dev/null || echo 0); echo $((n+1)) >/dev/shm/n; test $((n % 3)) = 2"
    live = {"kind": "exec", "command": ["sh", "-c", count], "interval": 0.02, "failures": 3}
    made = {"name": "made", "command": ["sleep", "1000"], "supervisor_rs": {"liveness": live}}
    with booted(image, programs, manifest(made)) as box:
        assert box.until(lambda: int(box.sh("cat /dev/shm/n 2>/dev/null") or 0) > 20, 30), box.logs()
        assert status(box)["made"]["starts"] == 1
