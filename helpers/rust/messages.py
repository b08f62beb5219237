"""What cargo says, as values: the compiler's complaints, and how each test went.

Cargo's `--message-format=json` gives one object a line (The Cargo Book, "External tools"); the tests' own
program (libtest) writes text.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Diagnostic", "TestResult", "Tests", "diagnostic", "parse_tests"]


@dataclass(frozen=True)
class Diagnostic:
    """One complaint of the compiler: `level` (`error`, `warning`), `code` (`E0733`, or empty), the message,
    where (`file` in the crate, `line` from 1; empty and 0 where it is nowhere), and the whole as rustc shows
    it."""

    level: str
    code: str
    message: str
    file: str = ""
    line: int = 0
    rendered: str = field(default="", repr=False)

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.file else ""
        code = f"[{self.code}]" if self.code else ""
        return f"{where}{self.level}{code}: {self.message}"


def diagnostic(line: str, folder: str) -> Diagnostic | None:
    """The complaint a line of cargo's output holds, if it holds one about the crate in `folder`."""
    try:
        told: Any = json.loads(line)
    except ValueError:
        return None
    if not isinstance(told, dict) or told.get("reason") != "compiler-message":
        return None
    message: Mapping[str, Any] = told["message"]
    if message["level"] not in ("error", "warning") or message["message"].startswith("aborting due to"):
        return None
    primary = next((span for span in message["spans"] if span["is_primary"]), None)
    place = str(primary["file_name"]).removeprefix(f"{folder}/") if primary else ""
    code = (message.get("code") or {}).get("code", "")
    rendered = str(message.get("rendered") or "").rstrip()
    number = int(primary["line_start"]) if primary else 0
    return Diagnostic(message["level"], code, message["message"], place, number, rendered)


@dataclass(frozen=True)
class TestResult:
    """How one test went; `message` is what it printed when it failed."""

    __test__ = False  # no test of pytest's

    name: str
    passed: bool
    message: str = ""


@dataclass(frozen=True)
class Tests:
    """What `cargo test` gave. Where the crate does not compile there are `diagnostics` and no results.

    Shows itself as a table in a notebook, as text elsewhere.
    """

    __test__ = False

    crate: str
    results: tuple[TestResult, ...]
    diagnostics: tuple[Diagnostic, ...] = ()
    timed_out: bool = False

    @property
    def compiled(self) -> bool:
        """Whether there was anything to run."""
        return not any(one.level == "error" for one in self.diagnostics)

    @property
    def ok(self) -> bool:
        """Whether it compiled and every test passed, and there was one."""
        return self.compiled and bool(self.results) and not self.failed and not self.timed_out

    @property
    def failed(self) -> tuple[TestResult, ...]:
        """The tests that failed."""
        return tuple(one for one in self.results if not one.passed)

    def __getitem__(self, name: str) -> TestResult:
        """The test of that name. KeyError where there is none."""
        return next(one for one in self.results if one.name == name) if name in self.names else self._no(name)

    @property
    def names(self) -> Collection[str]:
        """Every test's name."""
        return [one.name for one in self.results]

    def _no(self, name: str) -> TestResult:
        raise KeyError(f"{self.crate}: no test {name}")

    def __str__(self) -> str:
        if not self.compiled:
            return "\n".join(["it does not compile", *map(str, self.diagnostics)])
        rows = [f"{_word(one.passed)}  {_spoken(one.name)}{_first(one.message)}" for one in self.results]
        rows.append(f"{len(self.results) - len(self.failed)} of {len(self.results)} pass")
        return "\n".join([*rows, "some did not end in time"] if self.timed_out else rows)

    __repr__ = __str__

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": f"<pre>{html.escape(str(self))}</pre>"}


def _word(passed: bool) -> str:
    return "ok    " if passed else "FAILED"


def _spoken(name: str) -> str:
    return name.rsplit("::", 1)[-1].replace("_", " ")


def _first(message: str) -> str:
    """The first thing a failed test said, behind the line `thread … panicked at …`."""
    said = [line for line in message.splitlines() if line and not line.startswith("thread '")]
    return f"\n          {said[0]}" if said else ""


def parse_tests(lines: Iterable[str]) -> list[TestResult]:
    """The results of libtest's text: `test NAME ... ok` for each, `---- NAME stdout ----` and its text."""
    outcome: dict[str, bool] = {}
    said: dict[str, list[str]] = {}
    current: str | None = None
    for line in lines:
        if done := re.fullmatch(r"test (\S+)(?: - should panic)? \.\.\. (ok|FAILED)", line.strip()):
            outcome[done[1]] = done[2] == "ok"
        elif head := re.fullmatch(r"---- (\S+) stdout ----", line):
            current = head[1]
        elif line in ("failures:", "successes:") or line.startswith("test result:"):
            current = None
        elif current is not None and not line.startswith("note: run with `RUST_BACKTRACE"):
            said.setdefault(current, []).append(line)
    return [TestResult(name, ok, "\n".join(said.get(name, [])).strip()) for name, ok in outcome.items()]
