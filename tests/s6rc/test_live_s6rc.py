"""The manager over the real s6, in a sandbox whose PID 1 is s6-svscan."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.engines.base import ExecResult, Image, Pid1, Sandbox
from helpers.engines.embedded import Embedded
from helpers.filetree import FileTree

from .sources import FOLDER, Sources, bundle, longrun, oneshot, texts

# isort: split
from s6rc import Failure  # the folder is put on the path by `sources`
from s6rc.source import check_execline

pytestmark = pytest.mark.live

SLOW = "sleep 0.5; echo >&3; exec 3>&-; exec sleep 1000"
STACK: Sources = {
    "db": longrun(
        f"echo the database starts; {SLOW}", producer_for="db-log", notification_fd="3", timeout_up="10000"
    ),
    "db-log": longrun(
        "mkdir -p /var/log/db; exec s6-log n5 s100000 /var/log/db",
        consumer_for="db",
        pipeline_name="db-pipe",
    ),
    "prepare": oneshot('/bin/sh -c "date +%s%N >/run/prepared"', "db", down='/bin/sh -c "touch /run/undone"'),
    "app": longrun("date +%s%N >/run/app; exec sleep 1001", "prepare"),
    "web": longrun("exec sleep 1002", "app"),
    "beside": longrun(SLOW, notification_fd="3"),
    "default": bundle("web db-pipe beside"),
}


def test_what_is_refused_as_a_script_is_what_the_real_execlineb_refuses(image: Image) -> None:
    """Random command lines: s6-rc-compile's lexer is execlineb's, whose status is then 100."""
    pieces = ["{", "}", '"', "\\", "#", "a", " ", "\n", " { ", " } ", '" ', "$x"]
    rng = random.Random(7)
    # No backslash as the last letter: execlineb takes it now for a fault, now for nothing; we let it be.
    lines = ["true " + "".join(rng.choices(pieces, k=rng.randint(1, 9))).rstrip("\\") for _ in range(300)]
    tree = FileTree()
    for number, line in enumerate(lines):
        tree.add(f"/opt/lines/{number}", line)
    script = f"for n in $(seq 0 {len(lines) - 1}); do execlineb -P /opt/lines/$n 2>/dev/null; echo $?; done"
    plain = Embedded().start(image, Pid1(("/usr/bin/sleep", "1000")), tree)
    try:
        codes = plain.exec(["/bin/sh", "-c", script], timeout=60).stdout.decode().split()
    finally:
        plain.destroy()
    ours = []
    for line in lines:
        try:
            check_execline(Path("up"), line)
            ours.append("0")
        except Failure:
            ours.append("100")
    assert [(line, a, b) for line, a, b in zip(lines, codes, ours, strict=True) if a != b] == []
    assert 50 < codes.count("100") < 250


class Box:
    """A sandbox with the manager's commands, and source directories."""

    def __init__(self, image: Image, services: Sources) -> None:
        tree = FileTree.from_folder(FOLDER, "/opt/s6rc")
        for path in (FOLDER / "bin").iterdir():
            tree.symlink(f"/usr/local/bin/{path.name}", f"/opt/s6rc/bin/{path.name}")
        self.lay(tree, services, "/etc/s6-rc/source")
        tree.script("/etc/init", "#!/bin/sh\nmkdir -p /run/service\nexec s6-svscan /run/service\n")
        self.sandbox: Sandbox = Embedded().start(image, Pid1(("/etc/init",)), tree)

    @staticmethod
    def lay(tree: FileTree, services: Sources, at: str) -> None:
        for path, text in texts(services, at).items():
            tree.add(path, text, 0o755 if path.endswith(("/run", "/finish")) else 0o644)

    def sh(self, text: str) -> ExecResult:
        return self.sandbox.exec(["/bin/sh", "-c", text], timeout=60)

    def ok(self, text: str) -> str:
        done = self.sh(text)
        assert done.code == 0, (text, done.stdout, done.stderr)
        return done.stdout.decode()

    def up(self) -> list[str]:
        return self.ok("s6-rc -a list").split()

    def pids(self) -> dict[str, str]:
        names = [name for name in self.up() if name not in ("prepare",)]
        return {name: self.ok(f"s6-svstat -o pid /run/service/{name}").strip() for name in names}

    def compile(self, services: Sources, name: str) -> str:
        for path, text in texts(services, f"/tmp/{name}-source").items():
            self.ok(f"mkdir -p {path.rpartition('/')[0]}")
            self.sandbox.write(path, text.encode())
        self.ok(f"s6-rc-compile /tmp/{name} /tmp/{name}-source")
        return f"/tmp/{name}"


@pytest.fixture
def box(image: Image) -> Iterator[Box]:
    found = Box(image, STACK)
    try:
        found.ok("s6-rc-compile /etc/s6-rc/compiled /etc/s6-rc/source && s6-rc-init /run/service")
        yield found
    finally:
        found.sandbox.destroy()


def test_services_come_up_in_order_in_parallel_and_go_down(box: Box) -> None:
    """db is ready before prepare runs before app starts; `beside` waits for nobody; all goes down again."""
    assert box.up() == []
    began = time.monotonic()
    box.ok("s6-rc -up change default")
    seconds = time.monotonic() - began
    assert box.up() == ["app", "beside", "db", "db-log", "prepare", "web"]
    assert int(box.ok("cat /run/prepared")) < int(box.ok("cat /run/app"))
    assert 0.5 <= seconds < 5  # two services take half a second each
    assert "the database starts" in box.ok("cat /var/log/db/current")
    box.ok("s6-rc -d change prepare")
    assert box.up() == ["beside", "db", "db-log"]
    box.ok("test -e /run/undone && s6-rc -da change")
    assert box.up() == []
    assert [p.comm for p in box.sandbox.processes() if p.comm == "sleep"] == []


def test_the_independent_ones_start_at_the_same_time(image: Image) -> None:
    """Eight services of half a second each are up in much less than four seconds."""
    box = Box(image, {f"s{i}": longrun(SLOW, notification_fd="3") for i in range(8)})
    try:
        box.ok("s6-rc-compile /etc/s6-rc/compiled /etc/s6-rc/source && s6-rc-init /run/service")
        began = time.monotonic()
        box.ok("s6-rc change s0 s1 s2 s3 s4 s5 s6 s7")
        assert time.monotonic() - began < 3
    finally:
        box.sandbox.destroy()


def test_what_fails_keeps_back_only_what_waits_for_it(image: Image) -> None:
    """`bad` fails by its time, `after` is not tried, `good` comes up; exit code 1, the state is true."""
    services = {
        "bad": longrun("exec sleep 1000", notification_fd="3", timeout_up="300"),
        "after": longrun(needs="bad"),
        "good": longrun(),
        "wrong": oneshot("false"),
    }
    box = Box(image, services)
    try:
        box.ok("s6-rc-compile /etc/s6-rc/compiled /etc/s6-rc/source && s6-rc-init /run/service")
        done = box.sh("s6-rc change after good wrong")
        assert done.code == 1
        said = done.stderr.decode()
        assert "service bad: unable to start: did not get ready in 300 ms" in said
        assert "service wrong: unable to start: its up script ended with 1" in said
        assert "not tried: after" in said
        assert box.up() == ["good"]
        assert box.ok("s6-rc diff") == ""
        assert box.sh("s6-rc -t 200 change bad").code == 2
        assert box.sh("s6-rc change nonesuch").code == 3
        assert box.sh("s6-rc -l /nowhere change good").code == 4
        assert box.sh("s6-rc-init /run/service").code == 111
    finally:
        box.sandbox.destroy()


def test_an_update_touches_only_what_changed(box: Box) -> None:
    """web changes: it alone has a new PID. A second update to the same database moves nothing."""
    box.ok("s6-rc change default")
    before = box.pids()
    new = box.compile({**STACK, "web": longrun("exec sleep 1003", "app")}, "new")
    assert box.ok(f"s6-rc-db diff {new}") == "~ web\n"
    box.ok(f"s6-rc-update {new}")
    after = box.pids()
    assert {name for name in before if before[name] != after[name]} == {"web"}
    assert box.ok("readlink /run/s6-rc/compiled").strip() == new
    box.ok(f"s6-rc-update {new}")
    assert box.pids() == after


def test_a_changed_logger_loses_no_line(box: Box) -> None:
    """The logger is replaced while its producer writes: every line arrives, in order; the producer lives."""
    writer = "i=0; while [ $i -lt 300 ]; do i=$((i + 1)); echo $i; sleep 0.01; done; exec sleep 1000"
    logger = {"consumer_for": "db", "pipeline_name": "db-pipe"}
    services = {**STACK, "db": longrun(writer, producer_for="db-log")}
    box.ok(f"s6-rc-update {box.compile(services, 'writing')} && s6-rc change db-pipe")
    before = box.pids()
    changed = longrun("mkdir -p /var/log/db; exec s6-log n5 s200000 /var/log/db", **logger)
    box.ok(f"s6-rc-update {box.compile({**services, 'db-log': changed}, 'other')}")
    after = box.pids()
    assert before["db"] == after["db"]
    assert before["db-log"] != after["db-log"]
    end = time.monotonic() + 20
    while (lines := box.ok("cat /var/log/db/current").split())[-1:] != ["300"]:
        assert time.monotonic() < end, lines[-3:]
        time.sleep(0.1)
    assert lines == [str(n) for n in range(1, 301)]


def test_an_update_whose_start_fails_can_be_taken_back(box: Box) -> None:
    """The new web never gets ready: exit 1, the rest runs; the old database brings the old web back."""
    box.ok("s6-rc change default")
    before = box.pids()
    bad = longrun("exec sleep 1003", "app", notification_fd="3", timeout_up="300")
    done = box.sh(f"s6-rc-update {box.compile({**STACK, 'web': bad}, 'bad')}")
    assert done.code == 1
    assert b"service web: unable to start" in done.stderr
    assert "web" not in box.up()
    box.ok("s6-rc-update /etc/s6-rc/compiled && s6-rc change default")
    after = box.pids()
    assert {name for name in before if before[name] != after[name]} == {"web"}


def test_a_killed_change_leaves_a_true_state(box: Box) -> None:
    """SIGKILL while db gets ready: what was up is in the state, and the same change again ends well."""
    box.sh("s6-rc change default & sleep 0.3; kill -9 $!")
    assert "web" not in box.up()
    box.ok("s6-rc change default")
    assert box.up() == ["app", "beside", "db", "db-log", "prepare", "web"]


def test_essential_services_stay_unless_told_with_capital_d(image: Image) -> None:
    """flag-essential: -d refuses, -D does it."""
    box = Box(image, {"a": {**longrun(), "flag-essential": ""}})
    try:
        box.ok("s6-rc-compile /etc/s6-rc/compiled /etc/s6-rc/source && s6-rc-init /run/service")
        box.ok("s6-rc change a")
        assert box.sh("s6-rc -d change a").code == 1
        assert box.up() == ["a"]
        box.ok("s6-rc -D change a")
        assert box.up() == []
    finally:
        box.sandbox.destroy()


def test_a_second_change_waits_only_if_asked_to(box: Box) -> None:
    """While one goes on: without -b 111 at once, with -b it is done afterwards; a list waits for nobody."""
    began = time.monotonic()
    box.ok("s6-rc change default >/dev/null 2>&1 & sleep 0.3; s6-rc -a list >/run/seen")
    assert box.sh("s6-rc change beside").code == 111
    assert time.monotonic() - began < 5
    box.ok("s6-rc -b change web")
    assert "web" in box.up()
