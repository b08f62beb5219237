"""Tables of processes, and the kernel's hand-off to PID 1."""

from __future__ import annotations

from pathlib import Path

from helpers.engines.base import MIB, Process
from helpers.show.handoff import kernel_handoff
from helpers.show.processes import process_table

SHELL = Process(1, 0, "S", "sh", ("/bin/sh", "-c", "a <b>"), rss=2 * MIB)


def test_alike_processes_share_a_line() -> None:
    """A hundred zombies are one line with their number."""
    zombies = [Process(pid, 1, "Z", "sleep") for pid in range(10, 110)]
    table = process_table([*zombies, SHELL])
    assert table.zombies == 100
    assert [cells for _, cells in table.rows()] == [
        ["1", "-", "sleeping", "2.0 MiB", "/bin/sh -c a <b>"],
        ["10 … 109", "1", "zombie", "-", "100 x sleep"],
    ]


def test_a_stable_table_holds_nothing_that_changes_from_run_to_run() -> None:
    """No number, no memory, and running or sleeping are both alive."""
    one = process_table([SHELL, Process(7, 1, "R", "sleep"), Process(8, 1, "Z", "true")], stable=True)
    other = process_table(
        [SHELL, Process(70, 1, "S", "sleep", rss=9), Process(90, 1, "Z", "true", cpu=3)], stable=True
    )
    assert str(one) == str(other)
    assert "alive" in str(one)
    assert "zombie" in str(one)


def test_zombies_are_marked_and_text_is_escaped() -> None:
    """A zombie is told by its word as well as by its colour."""
    html = process_table([SHELL, Process(7, 1, "Z", "sleep")])._repr_html_()
    assert html.count('<tr class="z">') == 1
    assert "<td>zombie</td>" in html
    assert "a &lt;b&gt;" in html


def test_a_process_whose_parent_is_outside_has_none() -> None:
    """A command run beside PID 1 comes from outside: getppid(2) says 0."""
    assert process_table([SHELL, Process(5, 0, "S", "ps")]).rows()[1][1][:2] == ["5", "-"]


def test_the_hand_off_is_found_in_a_kernel_log(tmp_path: Path) -> None:
    """Only the messages of init/main.c about starting PID 1, as dmesg prints them."""
    log = tmp_path / "kmsg"
    log.write_text(
        "6,1,0,-;Linux version 6.12\n"
        "3,690,2312000,-;Failed to execute /init (error -2)\n"
        "6,700,2512362,-;Run /sbin/init as init process\n SUBSYSTEM=x\n"
        "6,701,2600000,-;something else\n"
    )
    assert str(kernel_handoff(log)) == (
        "[    2.312000] Failed to execute /init (error -2)\n[    2.512362] Run /sbin/init as init process"
    )


def test_without_a_readable_log_that_is_told(tmp_path: Path) -> None:
    """A computer that hides its log, or has forgotten its boot, gives a sentence and no invented line."""
    hidden = kernel_handoff(tmp_path / "missing")
    assert (hidden.lines, "does not let you read" in hidden.note) == ((), True)
    (tmp_path / "later").write_text("6,900,9000000,-;usb 1-1: new device\n")
    forgotten = kernel_handoff(tmp_path / "later")
    assert (forgotten.lines, "no longer reaches back" in forgotten.note) == ((), True)
