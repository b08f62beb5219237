"""A measurement: a value, how it was obtained, how far it spreads, and what it must not be compared with."""

from __future__ import annotations

import inspect
import math
import statistics
import textwrap
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["Measure", "Measurement", "show_number"]

Raw = float | str | None


@dataclass(frozen=True)
class Measure:
    """Something that can be measured of an init.

    `unit` is of the raw values (`s`, `B`, `1/s`, …; empty for a word or a count); `show` the unit people
    read and what to multiply by. `method` says how it is obtained, in one paragraph; `never` why it is not
    comparable with what one may take it for, empty where it is. `varies` is whether it is taken in each run.
    """

    key: str
    title: str
    unit: str
    method: str
    show: tuple[str, float] = ("", 1.0)
    never: str = ""
    words: bool = False
    varies: bool = True

    @staticmethod
    def text_of(probe: Callable[..., object]) -> str:
        """The first paragraphs of a probe's docstring, up to what it raises or returns, in one line."""
        paragraphs = (inspect.getdoc(probe) or "").split("\n\n")
        kept = []
        for paragraph in paragraphs:
            if paragraph.startswith(("Raises", "Returns", "A context manager")):
                break
            kept.append(" ".join(paragraph.split()))
        return " ".join(kept)

    def __str__(self) -> str:
        told = [self.method, f"Not comparable {self.never}." if self.never else ""]
        lines = (textwrap.fill(text, 100, initial_indent="    ", subsequent_indent="    ") for text in told)
        return "\n".join(filter(None, [self.title, *lines]))

    def text(self, value: Raw) -> str:
        """A raw value as people read it, without the unit."""
        if value is None:
            return "-"
        return value if isinstance(value, str) else show_number(value * self.show[1])


@dataclass(frozen=True)
class Measurement:
    """What was measured of one init: the raw `values` of the runs that gave one.

    `comparable` with the other inits of the matrix, or `why_not`.
    """

    measure: Measure
    values: tuple[float | str, ...]
    why_not: str = ""

    @property
    def n(self) -> int:
        """How many runs gave a value."""
        return len(self.values)

    @property
    def comparable(self) -> bool:
        return not self.why_not

    @property
    def numbers(self) -> tuple[float, ...]:
        """The values that are numbers."""
        return tuple(value for value in self.values if not isinstance(value, str))

    @property
    def value(self) -> Raw:
        """The median; of words the one most runs gave (the first of several); `None` without a value."""
        if not self.values:
            return None
        if self.measure.words:
            return Counter(self.values).most_common(1)[0][0]
        return statistics.median(self.numbers)

    @property
    def low(self) -> float | None:
        """The least value. With `high`, the spread: min to max."""
        return min(self.numbers, default=None)

    @property
    def high(self) -> float | None:
        """The greatest value."""
        return max(self.numbers, default=None)

    @property
    def median(self) -> str:
        """The value as people read it; of words, how many runs gave it where not all did."""
        text = self.measure.text(self.value)
        if self.measure.words and self.n > 1 and (same := self.values.count(self.value or "")) < self.n:
            return f"{text} ({same} of {self.n})"
        return text

    @property
    def spread(self) -> str:
        """Min to max as people read them; empty where there is nothing to spread."""
        if self.measure.words or self.n < 2 or self.low == self.high:
            return ""
        return f"{self.measure.text(self.low)} to {self.measure.text(self.high)}"

    def __str__(self) -> str:
        spread = f" ({self.spread})" if self.spread else ""
        unit = f" {self.measure.show[0]}" if self.measure.show[0] and self.values else ""
        note = "" if self.comparable else f"; not comparable: {self.why_not}"
        runs = f", n = {self.n}" if self.measure.varies and self.values else ""
        return f"{self.measure.title}: {self.median}{unit}{spread}{runs}{note}"


def show_number(value: float) -> str:
    """Three significant digits at most, no exponent: 0.42, 57.1, 1043 is 1043."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def words(values: Sequence[Raw]) -> tuple[float | str, ...]:
    """The values of those runs that gave one."""
    return tuple(value for value in values if value is not None)
