"""A measurement's record, the sorting of processes, lines of config, log forms, package sizes."""

from __future__ import annotations

import pytest

from helpers.engines.base import Process
from helpers.filetree import FileTree
from helpers.inits.base import Rendered
from helpers.probes import measures
from helpers.probes.config import config_size
from helpers.probes.logs import AS_WRITTEN, STAMPED, log_form
from helpers.probes.matrix_packages import Packages
from helpers.probes.measurement import Measure, Measurement, show_number
from helpers.probes.supervision import sort_out

BOOT = Measure("boot", "boot to ready", "s", "how", ("ms", 1000.0))
CLEAN = Measure("clean", "clean shutdown", "", "how", words=True)


def test_a_measurement_is_a_median_with_its_spread() -> None:
    """The median, min to max, n, and the unit people read."""
    found = Measurement(BOOT, (0.2, 0.1, 0.9, 0.3))
    assert (found.n, found.value, found.low, found.high) == (4, 0.25, 0.1, 0.9)
    assert str(found) == "boot to ready: 250 ms (100 to 900), n = 4"


def test_of_words_the_one_most_runs_gave_counts_and_how_many_gave_it() -> None:
    """A word that not all runs gave says so."""
    assert Measurement(CLEAN, ("yes", "no", "yes")).median == "yes (2 of 3)"
    assert Measurement(CLEAN, ("yes", "yes")).median == "yes"


def test_without_a_value_there_is_none() -> None:
    """No run gave one: no number is made up."""
    found = Measurement(BOOT, ())
    assert (found.n, found.value, found.low, found.median, found.spread) == (0, None, None, "-", "")


def test_what_is_not_comparable_says_why() -> None:
    """`why_not` is told with the value."""
    found = Measurement(BOOT, (0.1,), why_not="a launcher of ours")
    assert not found.comparable
    assert str(found).endswith("not comparable: a launcher of ours")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.04321, "0.0432"), (57.12, "57.1"), (1043.4, "1043"), (25600.0, "25600"), (2.0, "2")],
)
def test_numbers_are_shown_with_three_digits_and_no_exponent(value: float, text: str) -> None:
    """Three significant digits, more where they stand before the point."""
    assert show_number(value) == text


def test_every_measure_has_a_method_of_its_probe() -> None:
    """The method is the probe's docstring, and ends before what it raises."""
    for measure in measures.MEASURES:
        assert len(measure.method) > 60
        assert "Raises" not in measure.method
        assert "\n" not in measure.method
    with pytest.raises(KeyError, match="restart_first"):
        measures.get("restart")


def process(pid: int, ppid: int, comm: str, state: str = "S") -> Process:
    return Process(pid, ppid, state, comm)


def test_supervision_is_all_that_is_no_service_and_no_visitor() -> None:
    """PID 1, supervisors and loggers; not a service's children, not our own commands, not zombies."""
    table = [
        process(1, 0, "runit"),
        process(2, 1, "runsv"),
        process(3, 2, "svlogd"),
        process(4, 2, "app"),
        process(5, 4, "worker"),
        process(6, 1, "gone", "Z"),
        process(7, 0, "sh"),
        process(8, 7, "redis-cli"),
    ]
    crew = sort_out(table, {"app": 4, "absent": 99})
    assert [p.comm for p in crew.supervision] == ["runit", "runsv", "svlogd"]
    assert {p.comm for p in crew.services["app"]} == {"app", "worker"}
    assert {p.comm for p in crew.visitors} == {"sh", "redis-cli"}
    assert [p.comm for p in crew.zombies] == ["gone"]


def test_config_counts_lines_that_say_something_and_tells_scripts_apart() -> None:
    """Blank lines and comments do not count; an openrc-run script is the init's own language."""
    tree = FileTree()
    tree.script(
        "/etc/init.d/app", "#!/sbin/openrc-run\n# the app\ncommand=/bin/app\n\ndepend() {\n need db\n}\n"
    )
    tree.script("/etc/sv/app/run", "#!/bin/sh\n# waits\nexec app\n")
    tree.script("/etc/sv/db/run", "#!/usr/bin/env bash\nexec db\n")
    tree.add("/etc/x.conf", "[program:app]\n; a comment\ncommand = app\n")
    tree.symlink("/etc/runlevels/default/app", "/etc/init.d/app")
    found = config_size(Rendered(tree))
    assert (found.own_lines, found.script_lines, found.files) == (4 + 2, 2, 4)
    texts = [
        "command=/bin/app",
        "depend() {",
        "need db",
        "}",
        "exec app",
        "exec db",
        "[program:app]",
        "command = app",
    ]
    assert found.bytes == sum(len(text) + 1 for text in texts)


@pytest.mark.parametrize(
    ("lines", "form"),
    [
        (['{"event": "request"}', "Traceback: not JSON"], AS_WRITTEN),
        (['2026-11-24_02:00:00.12345 {"event": "request"}'], STAMPED),
        (['@400000006744a2 {"event": "request"}', "plain"], STAMPED),
        (['2026-11-24 02:00:00.123456789  {"event": 1}'], STAMPED),
        (["plain", "[1, 2]"], None),
        (["some words of a person {1}"], None),
        ([], None),
    ],
)
def test_the_form_of_a_log_is_told_by_its_json_lines(lines: list[str], form: str | None) -> None:
    """As written, stamped, or not to be told."""
    assert log_form(lines) == form


STATUS = """\
Package: libc6
Status: install ok installed
Priority: required
Installed-Size: 1000
Version: 2

Package: init-a
Status: install ok installed
Priority: optional
Installed-Size: 10
Version: 1.5-1
Pre-Depends: libc6 (>= 2)
Depends: libone (>= 3), helper | other-helper, virtual-thing

Package: libone
Status: install ok installed
Installed-Size: 5
Version: 3
Depends: libtwo:any

Package: libtwo
Status: hold ok installed
Installed-Size: 7
Version: 1

Package: other-helper
Status: install ok installed
Installed-Size: 100
Version: 1
Recommends: huge

Package: real-thing
Status: install ok installed
Installed-Size: 20
Version: 1
Provides: virtual-thing (= 1)

Package: huge
Status: install ok installed
Installed-Size: 9999
Version: 1

Package: removed
Status: deinstall ok config-files
Version: 1
"""


def test_a_package_brings_what_a_minimal_debian_lacks() -> None:
    """Direct and indirect dependencies, installed alternatives and providers; no Recommends, no base."""
    package = Packages(STATUS).get("init-a")
    assert package is not None
    assert package.version == "1.5-1"
    assert package.brings == ("libone", "libtwo", "other-helper", "real-thing")
    assert package.size == 10 * 1024
    assert package.with_dependencies == (10 + 5 + 7 + 100 + 20) * 1024


def test_what_is_not_installed_has_no_size() -> None:
    """Neither a name nobody knows nor a package that was removed."""
    assert Packages(STATUS).get("removed") is None
    assert Packages(STATUS).get("nobody") is None
