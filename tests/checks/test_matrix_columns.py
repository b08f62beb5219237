"""The check of the matrix's columns, with inits that are made up; `initlab vet` boots the real ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks import phase0
from checks.matrix.box import FIGURES, ROWS, Columns, Seen
from checks.matrix.suite import HINTS, SUITE
from helpers.errors import SandboxError
from helpers.probes import measures

SEEN = {name: Seen("script", "service", "a process waited", "it has the file open") for name in ROWS}
SEEN |= {
    "openrc": Seen("init", "service", "no process", "it has the file open"),
    "runit": Seen("script", "logger", "a process waited", "svlogd has the file open"),
    "supervisord": Seen("script", "pid 1", "a process waited", "PID 1 has the file open"),
}


@pytest.fixture(autouse=True)
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inits that do what `SEEN` says, and a figure that is 300 for runit and 100 for all others."""
    monkeypatch.setattr("checks.matrix.box._watch", lambda trial, init: SEEN[init])
    figure = lambda trial, init, key: 300.0 if init == "runit" else 100.0  # noqa: E731
    monkeypatch.setattr("checks.matrix.suite.figure", figure)


def table(
    *,
    order: dict[str, str] | None = None,
    log: dict[str, str] | None = None,
    surprise: dict[str, str] | None = None,
) -> str:
    text = []
    for name in ROWS:
        said_order = (order or {}).get(name, SEEN[name].order)
        said_log = (log or {}).get(name, SEEN[name].log)
        text.append(f'[{name}]\norder = "{said_order}"\nlog = "{said_log}"')
    why = "One of them sleeps for a second before it looks into its folder, which was written just now."
    found = {"init": "runit", "than": "s6", "measure": "boot", "why": why} | (surprise or {})
    text.append("[surprise]\n" + "\n".join(f'{key} = "{value}"' for key, value in found.items()))
    return "\n\n".join(text)


def grade(text: str, tmp_path: Path) -> tuple[str, int, str | None]:
    file = tmp_path / "columns.toml"
    file.write_text(text)
    verdict = phase0.matrix(file, seed=1)
    return str(verdict.outcome), verdict.points, verdict.hint.key if verdict.hint else None


def test_what_the_inits_do_passes(tmp_path: Path) -> None:
    """Full points for both columns and a number that is borne out."""
    assert grade(table(), tmp_path) == ("passed", 10, None)


@pytest.mark.parametrize(
    ("change", "hint", "points"),
    [
        ({"order": {"tini": "init"}}, "not-held", 7),
        ({"order": {"openrc": "script"}}, "held", 7),
        ({"log": {"runit": "service"}}, "logger-between", 6),
        ({"log": {"runit": "pid 1"}}, "logger-between", 6),
        ({"log": {"supervisord": "logger"}}, "pid1-between", 6),
        ({"log": {"tini": "logger"}}, "nobody-between", 6),
        ({"order": {"tini": "?"}}, "rows-missing", 0),
        ({"log": {"tini": "syslog"}}, "unknown-word", 0),
        ({"surprise": {"init": "s7"}}, "surprise-missing", 8),
        ({"surprise": {"than": "runit"}}, "surprise-missing", 8),
        ({"surprise": {"measure": "speed"}}, "surprise-missing", 8),
        ({"surprise": {"why": "it is slow"}}, "no-reason", 8),
        ({"surprise": {"init": "s6", "than": "runit"}}, "not-twice", 8),
        ({"surprise": {"init": "openrc"}}, "not-twice", 8),
    ],
)
def test_each_mistake_has_its_hint(
    change: dict[str, dict[str, str]], hint: str, points: int, tmp_path: Path
) -> None:
    """One wrong cell is enough, whichever init it is; the other columns keep their points."""
    assert grade(table(**change), tmp_path) == ("not_yet", points, hint)


@pytest.mark.parametrize("text", ["not toml", "[runit\n", "\x00", 'surprise = "none"\nrunit = 3\n'])
def test_odd_files_are_told_not_raised(text: str, tmp_path: Path) -> None:
    """Whatever stands in the file, the answer is a verdict."""
    outcome, points, hint = grade(text, tmp_path)
    assert (outcome, points) == ("not_yet", 0)
    assert hint in ("not-toml", "rows-missing")


def test_bytes_that_are_no_text_are_no_toml(tmp_path: Path) -> None:
    """A file of another encoding is told like any other that cannot be read."""
    file = tmp_path / "columns.toml"
    file.write_bytes(b'[runit]\norder = "\xff"\n')
    verdict = phase0.matrix(file, seed=1)
    assert verdict.hint is not None
    assert verdict.hint.key == "not-toml"


def test_an_init_that_cannot_run_here_is_not_asked_about(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What nobody can look at here costs no points."""

    def watch(trial: object, init: str) -> Seen:
        if init == "tini":
            raise SandboxError("not in this image")
        return SEEN[init]

    monkeypatch.setattr("checks.matrix.box._watch", watch)
    assert grade(table(order={"tini": "init"}, log={"tini": "logger"}), tmp_path) == ("passed", 10, None)


def test_where_too_few_inits_run_the_lab_has_failed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not the learner."""

    def watch(trial: object, init: str) -> Seen:
        raise SandboxError("no sandboxes today")

    monkeypatch.setattr("checks.matrix.box._watch", watch)
    assert grade(table(), tmp_path)[0] == "lab_failed"


def test_each_init_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two columns, one boot each."""
    looked: list[str] = []

    def watch(trial: object, init: str) -> Seen:
        looked.append(init)
        return SEEN[init]

    monkeypatch.setattr("checks.matrix.box._watch", watch)
    columns = Columns(b"")
    for backwards in (False, True):
        columns.compare(None, lambda init, seen: None, backwards=backwards)  # type: ignore[arg-type]
    assert sorted(looked) == sorted(ROWS)


def test_every_figure_a_surprise_may_name_is_a_number_of_the_matrix() -> None:
    """The names in the lesson are the matrix's own, and every hint can be given."""
    for key in FIGURES:
        assert not measures.get(key).words
    assert SUITE.points == 10
    assert len(HINTS) == 11
