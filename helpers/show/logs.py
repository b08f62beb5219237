"""The last lines of a service's log, for reading and for asking."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

__all__ = ["Log"]

_BOX = (
    "max-height:18em;overflow:auto;margin:0;padding:6px 8px;font-size:12px;line-height:1.45;"
    "background:var(--jp-layout-color2,#f4f4f4);color:var(--jp-content-font-color1,#222)"
)


class Log:
    """Lines of one service's log. `path` is the file inside the lab they were read from.

    >>> Log("app", "/var/log/app", ['2026-01-01 {"event": "listening"}']).json()
    [{'event': 'listening'}]
    """

    def __init__(self, service: str, path: str, lines: Sequence[str]) -> None:
        self.service = service
        self.path = path
        self.lines = list(lines)

    def __iter__(self) -> Iterator[str]:
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.lines)

    def json(self) -> list[dict[str, Any]]:
        """The JSON objects among the lines; the logger's own timestamp before the brace is skipped."""
        found = []
        for line in self.lines:
            start = line.find("{")
            if start >= 0:
                try:
                    value = json.loads(line[start:])
                except ValueError:
                    continue
                if isinstance(value, dict):
                    found.append(value)
        return found

    def __str__(self) -> str:
        return "\n".join(self.lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f'<pre style="{_BOX}">{escape(str(self)) or "(empty)"}</pre>'
