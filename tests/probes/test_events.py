"""Questions to events: narrowing, finding, and what happened before what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.errors import LabError
from helpers.probes.events import Event, Events

from .events import RECORDING


def test_exits_of_a_service_tell_status_signal_and_who_reaped() -> None:
    """`events.of("app").exits()`: its helper's exit with a status, its main process's by a signal."""
    exits = RECORDING.of("app").exits()
    assert [(e.pid, e.status, e.signal, e.main) for e in exits] == [
        (7, 1, "", False),
        (6, None, "SIGKILL", True),
    ]
    assert [(e.pid, e.by) for e in RECORDING.of("app").kind("reaped")] == [(7, 6), (6, 1)]
    assert [e.pid for e in RECORDING.of("app").exits().main()] == [6]


def test_events_between_two_times_include_both() -> None:
    """`between` takes its ends in."""
    assert [e.kind for e in RECORDING.events.between(0.4, 0.5)] == ["ready", "exec"]
    assert [e.kind for e in RECORDING.of("app").after(1.2)] == ["fork", "ready"]


@pytest.mark.parametrize(
    ("what", "times"),
    [
        ("app exec", [0.21, 0.5]),
        ("app exec python3", [0.5]),
        ("app exit SIGKILL", [1.001]),
        ("app exit 1", [0.3]),
        ("app fork main", [0.2, 2.0]),
        ("app fork #9", [2.0]),
        ("- exec runit", [0.0]),
        ("app exec perl", []),
    ],
)
def test_an_event_is_found_by_service_kind_and_a_word(what: str, times: list[float]) -> None:
    """A word is a program, a signal, a status, a PID, or `main`."""
    assert [e.time for e in RECORDING.find(what)] == times


@pytest.mark.parametrize(
    ("what", "mend"), [("app exce", "app exec"), ("app", "service kind"), ("", "service kind")]
)
def test_a_kind_there_is_none_of_is_an_error_with_the_nearest(what: str, mend: str) -> None:
    """A typing error must not read as "did not happen"."""
    with pytest.raises(LabError) as caught:
        RECORDING.find(what)
    assert mend in str(caught.value)


def test_a_service_the_recording_does_not_know_is_an_error() -> None:
    """The message lists those it knows."""
    with pytest.raises(LabError, match="nginx") as caught:
        RECORDING.of("nginx")
    assert "db, app" in str(caught.value)


def test_before_holds_only_where_it_is_certain() -> None:
    """Ready at 0.4 is before an exec at 0.5; of two times that overlap neither is first."""
    order = RECORDING.before("db ready", "app exec python3")
    assert order
    assert "db ready happened before app exec python3" in str(order)
    assert RECORDING.before("app exec python3", "db ready").verdict == "not before"
    close = RECORDING.before("app exec python3", "app ready")
    assert not close
    assert close.verdict == "cannot tell"
    assert "30 ms earlier" in close.said


def test_what_did_not_happen_is_not_before_anything() -> None:
    """The sentence says what there is instead."""
    order = RECORDING.before("db exit", "app exec")
    assert not order
    assert order.verdict == "missing"
    assert "fork (1)" in order.said
    assert "db, app" in RECORDING.before("web ready", "app exec").said


def test_assert_before_raises_with_what_was_seen() -> None:
    """For checks: silent where it holds, a sentence with both times where not."""
    RECORDING.assert_before("db ready", "app exec python3")
    with pytest.raises(LabError, match=r"0\.2100 s"):
        RECORDING.assert_before("db ready", "app exec")


def test_boot_and_restart_seconds_come_from_readiness() -> None:
    """Boot: until the last service was first ready. Restart: from the main process's end to ready again."""
    assert RECORDING.boot_seconds() == 0.52
    assert RECORDING.events.restart_seconds("app") == [pytest.approx(1.499)]
    assert RECORDING.events.restarts("app") == 1


_TIMES = st.floats(0, 100)
_SLACKS = st.floats(0, 1)


@given(a=_TIMES, b=_TIMES, slack_a=_SLACKS, slack_b=_SLACKS, x=st.floats(0, 1), y=st.floats(0, 1))
def test_a_certain_order_holds_wherever_in_their_slack_the_events_were(
    a: float, b: float, slack_a: float, slack_b: float, x: float, y: float
) -> None:
    """No time within the slack contradicts `before` or `not before`; the two exclude each other."""
    one, two = Event(a, "s", "ready", 1, slack=slack_a), Event(b, "t", "exec", 2, slack=slack_b)
    order = Events([one, two]).happens_before(one, two)
    true_a, true_b = a - x * slack_a, b - y * slack_b
    if order.verdict == "before":
        assert true_a <= true_b + 1e-9
        assert not Events([one, two]).happens_before(two, one)
    if order.verdict == "not before":
        assert true_b <= true_a + 1e-9
