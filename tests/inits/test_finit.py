"""finit: what its renderer relies on and its notes say, seen in finit itself."""

from __future__ import annotations

import pytest

from helpers.engines.base import Image
from helpers.engines.embedded import Embedded
from helpers.filetree import FileTree
from helpers.inits import registry
from helpers.inits.finit import parse_status
from helpers.manifest import Manifest, Service

from .machine import boot, until

NAMES = [f"{chr(97 + number)}{'x' * 31}" for number in range(14)]


def longrun(name: str, **fields: object) -> Service:
    return Service.model_validate({"name": name, "command": ["/bin/sleep", "1000"], **fields})


def conf(*services: Service) -> dict[str, str]:
    return dict(registry.get("finit").render(Manifest(name="test", services=services)).tree.texts())


def conditions(text: str) -> list[str]:
    return [line.partition("<")[2].partition(">")[0] for line in text.splitlines() if "<" in line]


def test_a_long_list_of_conditions_is_split() -> None:
    """finit 4.12 drops a list of 221 characters without a word: none is longer than 160."""
    text = conf(*map(longrun, NAMES), longrun("last", depends_on=NAMES))["/etc/finit.d/last.conf"]
    lists = conditions(text)
    assert all(len(each) <= 160 for each in lists)
    assert sorted(part for each in lists for part in each.split(",") if "PART" not in part) == [
        f"usr/{name}" for name in NAMES
    ]


@pytest.mark.parametrize(("grace", "seconds"), [(0.5, 1), (5, 5), (5.1, 6), (300, 60)])
def test_a_grace_is_whole_seconds_from_1_to_60(grace: float, seconds: int) -> None:
    """`kill:` takes nothing else: rounded, and told where that changes it."""
    manifest = Manifest(name="test", services=(longrun("a", stop_grace=grace),))
    rendered = registry.get("finit").render(manifest)
    assert f" kill:{seconds} " in rendered.tree.texts()["/etc/finit.d/a.conf"]
    assert any(note.field == "stop_grace" for note in rendered.unsupported) is (grace != seconds)


def test_limits_are_finits_own_words() -> None:
    """`rlimit` holds for the file it stands in, and each service has its own."""
    text = conf(longrun("a", limits={"memory": 10**8, "pids": 9, "open_files": 64}))["/etc/finit.d/a.conf"]
    assert "rlimit nofile 64\nrlimit nproc 9\nrlimit as 100000000\nservice" in text


@pytest.mark.parametrize(("delay", "held"), [(0.1, "sleep 0.1"), (0.0, None), (2.0, "d = 2 * 1 ^ n")])
def test_a_crash_loop_is_held_back_as_the_manifest_says(delay: float, held: str | None) -> None:
    """finit itself would start it again as fast as it can fork."""
    script = conf(longrun("a", restart={"delay": delay}))["/etc/lab/service/a"]
    assert ("sleep" in script.partition("exec /bin/sleep")[0]) is (held is not None)
    assert held is None or held in script


@pytest.mark.parametrize("text", ["", "initctl: Failed connecting to finit\n"])
def test_a_finit_that_does_not_answer_yet_has_everything_down(text: str) -> None:
    """Its socket comes a while after PID 1 itself."""
    found = parse_status(text, [longrun("a")])
    assert (found["a"].state, found["a"].pid) == ("down", None)


@pytest.mark.live
def test_who_needs_many_services_waits_for_all_of_them(image: Image) -> None:
    """More conditions than one list can hold: it starts when the last of them has been ready."""
    late = {"kind": "exec", "command": ["/usr/bin/test", "-e", "/run/go"]}
    services = [longrun(name) for name in NAMES[:-1]] + [longrun(NAMES[-1], readiness=late)]
    machine = boot(
        "finit", Manifest(name="many", services=(*services, longrun("last", depends_on=NAMES))), image
    )
    try:
        machine.wait_state(NAMES[-1], "starting")
        for name in NAMES[:-1]:
            machine.wait_state(name, "up")
        assert machine.status()["last"].state == "starting"
        assert machine.status()["last"].pid is None
        machine.sh("touch /run/go")
        machine.wait_state("last", "up")
    finally:
        machine.box.destroy()


@pytest.mark.live
def test_a_service_that_always_fails_is_started_some_ten_times_a_second(image: Image) -> None:
    """The default delay is a tenth of a second: never more often, and it goes on."""
    fails = longrun("fails", command=["/bin/sh", "-c", "date +%s.%N >>/run/starts; exit 1"])
    machine = boot("finit", Manifest(name="loop", services=(fails,)), image)
    try:
        times = until(
            lambda: (t := [float(word) for word in machine.file("/run/starts").split()])[25:] and t,
            "25 starts",
        )
        assert all(times[i + 12] - times[i] > 0.9 for i in range(len(times) - 12))
    finally:
        machine.box.destroy()


@pytest.mark.live
def test_finits_own_condition_stops_who_needs_it_and_its_logger_holds_lines_back(image: Image) -> None:
    """What the notes on `depends_on` and on `log` say."""
    init = registry.get("finit")
    tree = FileTree()
    tree.script("/etc/lab/init", "#!/bin/sh\nrm -f /etc/finit.d/*.conf\nexec /sbin/finit\n")
    tree.script("/etc/lab/writes", "#!/bin/sh\necho a line\n: >/run/wrote\nexec sleep 1001\n")
    lines = [
        "readiness none",
        "service name:first [2] notify:none respawn log:/var/log/first.log /etc/lab/writes -- first",
        "service name:second [2] notify:none <service/first/ready> /bin/sleep 1002 -- second",
    ]
    tree.add("/etc/finit.conf", "\n".join(lines) + "\n")
    box = Embedded().start(image, init.pid1(), tree)

    def pid(*argv: str) -> int:
        return next((p.pid for p in box.processes() if p.argv[-2:] == argv), 0)

    try:
        before = until(lambda: pid("/bin/sleep", "1002"), "the second service runs")
        assert box.exec(["test", "-e", "/run/wrote"]).code == 0
        assert box.exec(["cat", "/var/log/first.log"]).stdout == b""
        box.signal(9, pid("sleep", "1001"))
        until(lambda: pid("/bin/sleep", "1002") not in (0, before), "finit has started the second anew")
    finally:
        box.destroy()
