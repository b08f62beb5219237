"""What the facts of `helpers.sixos` bear out: for each question and feature, the answer and the facts for it.

A question's evidence has to hit each of the groups in `must`; `may` are further facts that speak to it. What
is in neither says nothing about the question, however true.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

__all__ = ["BORNE_OUT", "CLASSIFIED", "REFUTING", "Key"]


@dataclass(frozen=True)
class Key:
    """An answer, the groups of facts of which one each is needed, and those that may stand beside.

    `enough` together are evidence too.
    """

    answer: str
    must: tuple[frozenset[str], ...]
    may: frozenset[str] = frozenset()
    enough: frozenset[str] = frozenset()

    def covered(self, cited: Set[str]) -> bool:
        """Whether the facts speak to every part of the question."""
        together = bool(self.enough) and cited >= self.enough
        return together or all(cited & part for part in self.must)

    @property
    def bears(self) -> frozenset[str]:
        """Every fact that speaks to it."""
        return self.may.union(*self.must)


def _key(answer: str, *must: str, may: str = "", enough: str = "") -> Key:
    groups = tuple(frozenset(one.split()) for one in must)
    return Key(answer, groups, frozenset(may.split()), frozenset(enough.split()))


BORNE_OUT: Mapping[str, Key] = {
    # Who supervises and orders instead; and what became of systemd's libraries and of udev.
    "without-systemd": _key("replaced", "F01 F02 F16 F22", "F29 F30", may="F03 F17 F18 F23 F36 F49 F60"),
    # Edits of what is there; and that there is nothing that is merged, or a step's place in an order.
    "infuse": _key("edit", "F31 F33 F34", "F35 F44", may="F10 F57 F58"),
    # No options are declared, and no code of NixOS is there: nothing could read a module, in part or whole.
    "modules": _key("rewritten", "F44 F49", "F02 F09 F10 F58", may="F34 F45 F60", enough="F44 F49"),
    "timers-sockets-logs": _key("logs", "F39", "F40", "F13 F14 F15 F38", may="F32"),
    "cgroups-users-slices": _key("none", "F41", "F42", may="F43 F25"),
    # What it is, and that the boot is SixOS's own; or that SixOS does not need it.
    "ownerboot": _key("below", "F47 F48", "F26 F27 F28", enough="F47 F48"),
}

CLASSIFIED: Mapping[str, tuple[str, frozenset[str]]] = {
    name: (kind, frozenset(facts.split()))
    for name, kind, facts in (
        ("packages", "preserved", "F49 F60 F31"),
        ("overlays", "preserved", "F31"),
        ("options", "breaks", "F44"),
        ("closure", "preserved", "F50"),
        ("cycles", "new", "F16"),
        ("units", "breaks", "F02 F29"),
        ("instances", "new", "F11 F10 F37"),
        ("infusion", "new", "F34 F33"),
        ("sockets", "breaks", "F40"),
        ("timers", "breaks", "F39"),
        ("generations", "preserved", "F17"),
        ("rollback", "preserved", "F17 F45"),
        ("dry-activate", "preserved", "F19"),
        ("rebuild", "breaks", "F45"),
        ("fallbackboot", "new", "F21"),
        ("journal", "breaks", "F14 F13 F38"),
        ("user-services", "breaks", "F41"),
        ("slices", "breaks", "F42"),
        ("sessions", "breaks", "F43 F30"),
        ("system-links", "preserved", "F17 F18"),
    )
}

REFUTING: Mapping[str, frozenset[str]] = {
    name: frozenset(facts.split())
    for name, facts in (
        ("january", "F61"),
        ("variant", "F49"),
        ("infuse-activates", "F12 F16 F17 F18"),
        ("atomic", "F17 F56"),
        ("derivation", "F10"),
        ("stages", "F01 F18 F22 F23 F26"),
        ("strings", "F04 F11 F62"),
        ("rollback", "F45"),
        ("vm", "F55"),
        ("nginx", "F63"),
    )
}
