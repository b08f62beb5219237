"""supervisor-rs and a clock that somebody sets: settimeofday(2) moves CLOCK_REALTIME, and nothing else.

In a machine of its own, where the clock is its own too.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from helpers.engines.base import Image

from .rust import events
from .test_machine import boot
from .test_machine_cgroups import asked, shell, until

pytestmark = [pytest.mark.live, pytest.mark.timeout(900), pytest.mark.xdist_group("supervisor-rs")]

DAY = 86400
# Kill both, set the clock while one of them is held back, wait until both run again.
JUMP = """
kill -9 $(supervisorctl-rs --json status kept | busybox sed 's/.*"pid":\\([0-9]*\\).*/\\1/')
{held}
echo held: $(supervisorctl-rs --json status kept)
now=$(busybox date +%s); busybox date -s @$((now + {seconds})) >/dev/null
echo jumped: $(($(busybox date +%s) - now))
kill -9 $(supervisorctl-rs --json status one | busybox sed 's/.*"pid":\\([0-9]*\\).*/\\1/')
{back}
supervisorctl-rs --json status
switches() {{ busybox awk '/ctxt_switches/ {{ n += $2 }} END {{ print n }}' /proc/1/status; }}
cpu() {{ busybox awk '{{ print $14 + $15 }}' /proc/1/stat; }}
a=$(switches) b=$(cpu); sleep 3; echo rested: $(($(switches) - a)) $(($(cpu) - b))
"""


def script() -> str:
    text = until("supervisorctl-rs --json status kept | grep -q '\"ready\":true'")
    text += "\nsupervisorctl-rs --json status\n"
    for starts, days in ((2, 1), (3, -2)):
        both = "supervisorctl-rs --json status kept one | busybox tr , '\\n' | grep -c '\"starts\":{}$'"
        text += JUMP.format(
            held=until("supervisorctl-rs --json status kept | grep -q '\"backoff\"'"),
            back=until(f"test $({both.format(starts)}) = 2"),
            seconds=days * DAY,
        )
    return text


def test_a_clock_that_jumps_moves_nobody(image: Image, programs: Path, tmp_path: Path) -> None:
    """A day ahead, two days back: what runs goes on; who is killed is back, also when held back at
    the moment of the jump; then PID 1 sleeps, as before."""
    held = {"delay": 2, "max_delay": 2}
    services = [
        shell("steady", "exec sleep 1000"),
        shell("one", "exec sleep 1000"),
        shell("kept", "exec sleep 1000", restart=held, supervisor_rs={"jitter": 0}),
    ]
    said = boot(image, programs, tmp_path, asked(script(), *services))
    assert [int(n) // DAY for n in re.findall(r"jumped: (-?\d+)", said)] == [1, -2], said
    assert len(re.findall(r'held: .*"phase":"backoff"', said)) == 2, said
    found = [event["services"] for event in events(said) if isinstance(event.get("services"), list)]
    reports: list[list[dict[str, Any]]] = [report for report in found if len(report) == 4]
    assert len(reports) == 3, said
    for number, report in enumerate(reports, 1):
        now = {service["name"]: service for service in report}
        assert [now[name]["starts"] for name in ("steady", "one", "kept")] == [1, number, number], said
        assert all(now[name]["state"] == "up" for name in ("steady", "one", "kept")), said
    rested = [(int(a), int(b)) for a, b in re.findall(r"rested: (\d+) (\d+)", said)]
    assert len(rested) == 2, said
    # Nothing is due and nobody asks. A tick is a hundredth of a second: a loop would have had some 300.
    assert all(switches <= 5 and ticks < 100 for switches, ticks in rested), said
    assert "reboot: Power down" in said, said
