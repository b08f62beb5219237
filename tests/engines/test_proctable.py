"""Reading a process table by hand (proc_pid_stat(5))."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.engines.proctable import host_pid, parse_stat, read_table, session_members

_TAIL = "S 1 42 43 0 -1 4194304 1 0 0 0 150 50 0 0 20 0 3 0 12345 10000 250 18446744073709551615"


def test_the_fields_of_a_stat_line_are_read_by_their_numbers() -> None:
    """State, parent, group, session, times, threads, start and resident pages."""
    found = parse_stat(f"41 (name) {_TAIL}", ("a", "b"))
    tick, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    assert (found.pid, found.ppid, found.state, found.comm) == (41, 1, "S", "name")
    assert (found.pgid, found.sid, found.threads) == (42, 43, 3)
    assert found.cpu == 200 / tick
    assert found.started == 12345 / tick
    assert found.rss == 250 * page
    assert found.argv == ("a", "b")


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=15))
def test_a_name_may_hold_anything(name: str) -> None:
    """The name stands in parentheses and may itself hold spaces and parentheses."""
    assert parse_stat(f"41 ({name}) {_TAIL}").comm == name


def test_the_table_agrees_with_an_independent_reader() -> None:
    """The same processes, parents, names and states as psutil finds."""
    with subprocess.Popen(["sleep", "9950"]) as sleep:
        try:
            found = {process.pid: process for process in read_table(Path("/proc"))}
            for pid in (os.getpid(), sleep.pid, 1):
                theirs = psutil.Process(pid)
                assert found[pid].ppid == theirs.ppid()
                assert list(found[pid].argv) == theirs.cmdline()
                assert found[pid].threads == theirs.num_threads() or pid != sleep.pid
            assert found[sleep.pid].rss == pytest.approx(psutil.Process(sleep.pid).memory_info().rss, rel=0.5)
            assert list(found) == sorted(found)
        finally:
            sleep.kill()


def test_a_process_that_ends_while_the_table_is_read_is_left_out(tmp_path: Path) -> None:
    """Those that end meanwhile are left out."""
    (tmp_path / "7").mkdir()  # its files are gone
    (tmp_path / "41").mkdir()
    (tmp_path / "41/stat").write_text(f"41 (name) {_TAIL}")
    (tmp_path / "41/cmdline").write_bytes(b"a\0\0b c\0")
    (tmp_path / "version").write_text("")
    assert [(p.pid, p.argv) for p in read_table(tmp_path)] == [(41, ("a", "", "b c"))]


def test_pid_1_of_a_namespace_is_the_one_given() -> None:
    """`host_pid` of 1 needs no look."""
    assert host_pid(4711, 1) == 4711
    assert host_pid(os.getpid(), 2**22 + 1) is None


def test_the_members_of_a_session_are_found() -> None:
    """Everything a command has started and that has not left its session."""
    with subprocess.Popen(
        ["sh", "-c", "sleep 9951 & sleep 9952 & echo up; wait"],
        start_new_session=True,
        stdout=subprocess.PIPE,
    ) as leader:
        assert leader.stdout is not None
        leader.stdout.readline()
        members = session_members(leader.pid)
        for pid in members:
            os.kill(pid, 9)
    assert leader.pid in members
    assert len(members) == 3
    assert os.getpid() not in members


def test_a_process_that_executes_another_program_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For an instant it has no words (execve(2)): the table has those of the new program, not none."""
    folder = tmp_path / "41"
    folder.mkdir()
    (folder / "stat").write_text(f"41 (name) {_TAIL}")
    (folder / "cmdline").write_bytes(b"")
    assert [process.argv for process in read_table(tmp_path)] == [()]
    monkeypatch.setattr(time, "sleep", lambda seconds: (folder / "cmdline").write_bytes(b"new\0"))
    assert [process.argv for process in read_table(tmp_path)] == [("new",)]
