"""Profiles and their generations (nix-env(1), `--set`, `--rollback`, `--switch-generation`).

A profile is a link to one of its generations, and each of these a link to a path in the store. Switching
replaces the one link, so it is done or not done, nothing between.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from helpers.nix.errors import NixError

if TYPE_CHECKING:
    from helpers.nix.store import Store

__all__ = ["Generation", "Generations", "Profile"]

_FOLDER = "/nix/var/nix/profiles"


@dataclass(frozen=True)
class Generation:
    """One state of a profile: its number, the store path it holds, whether it is the one that counts."""

    number: int
    path: str
    current: bool


class Generations(list[Generation]):
    """The generations of a profile, oldest first; shown as a table."""

    def _rows(self) -> list[list[str]]:
        return [
            [
                str(one.number),
                one.path.rpartition("/")[2].partition("-")[2],
                "current" if one.current else "",
                one.path,
            ]
            for one in self
        ]

    def __str__(self) -> str:
        from helpers.show.table import text_table

        return text_table(["generation", "what", "", "path"], self._rows()) if self else "no generation yet"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from helpers.show.table import html_table

        return (
            html_table(["generation", "what", "", "path"], self._rows())
            if self
            else f"<i>{escape(str(self))}</i>"
        )


class Profile:
    """A profile of a store. `link` is its path: programs are found below it, whatever generation counts."""

    def __init__(self, store: Store, name: str) -> None:
        self.store = store
        self.name = name
        self.link = f"{_FOLDER}/{name}"

    def __repr__(self) -> str:
        return f"<profile {self.name}: {len(self.generations())} generations>"

    @property
    def path(self) -> str | None:
        """The store path of the current generation; None where there is none."""
        return next((one.path for one in self.generations() if one.current), None)

    def generations(self) -> Generations:
        """Every generation there is, oldest first."""
        script = (
            'cd "$1" 2>/dev/null || exit 0; readlink "$2" || echo; '
            'for l in "$2"-*-link; do [ -L "$l" ] && echo "$l $(readlink "$l")"; done; true'
        )
        lines = self.store.run(["/bin/sh", "-c", script, "sh", _FOLDER, self.name]).splitlines()
        found = []
        for line in lines[1:]:
            link, _, path = line.partition(" ")
            number = link.removeprefix(f"{self.name}-").removesuffix("-link")
            if number.isdigit():
                found.append(Generation(int(number), path, link == lines[0]))
        return Generations(sorted(found, key=lambda one: one.number))

    def set(self, path: str) -> Generation:
        """Make a generation of a store path, and that the current one. The same path as the current one makes
        no new generation. Raises `NixError` where it is no path of the store."""
        return self._change("--set", path)

    def rollback(self) -> Generation:
        """Back to the generation before the current one. Raises `NixError` where there is none."""
        return self._change("--rollback")

    def switch(self, number: int) -> Generation:
        """To the generation of that number. Raises `NixError` where there is none."""
        return self._change("--switch-generation", str(number))

    def delete(self, *numbers: int) -> Generations:
        """Forget generations, or every one but the current where no number is given: what they held is
        garbage then. Gives those that are left. Raises `NixError` for the current one, which stays."""
        self._run("--delete-generations", *(map(str, numbers) if numbers else ["old"]))
        return self.generations()

    def _change(self, *words: str) -> Generation:
        self._run(*words)
        return next(one for one in self.generations() if one.current)

    def _run(self, *words: str) -> None:
        with self.store._changing:
            self.store.run(["mkdir", "-p", _FOLDER])
            try:
                self.store.run(["nix-env", "--profile", self.link, *words])
            except NixError as error:
                hint = error.hint or "profile.generations() lists those there are"
                raise NixError(error.said, kind=error.kind, raw=error.raw, hint=hint) from None
            self.store.save()
