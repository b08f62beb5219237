"""How the suite of stage 1 looks at services, and how it puts what it saw into words."""

from __future__ import annotations

import signal

from checks.behaviours import Finding
from checks.stages.box import UNREAD, Box, Event

__all__ = ["misreported", "not_as_nobody", "not_up", "or_none", "signal_names", "strange_descriptors", "the"]

_SPINS = 0.2  # of one processor: many share it here
_FLOOD = 100_000  # characters on the console
_NOBODY = 65534  # base-passwd: the user that owns nothing


def the(box: Box, kind: str, name: str) -> Event | None:
    """The first event of a kind about a service."""
    return next(iter(box.events(kind, name)), None)


def not_as_nobody(box: Box) -> str:
    """How the service that sleeps is not the user nobody; nothing where it is, or where nobody is here."""
    mapped = [line.split() for line in box.sandbox.exec(["/bin/cat", "/proc/self/uid_map"]).text.splitlines()]
    if not any(int(first) <= _NOBODY < int(first) + int(count) for first, _, count in mapped):
        return ""  # an engine of an ordinary user's, with no other user in it (user_namespaces(7))

    def sleeping() -> int | None:
        found = (p.pid for p in box.processes() if p.argv == ("/bin/sleep", "776"))
        return next(found, None)

    if not box.wait(sleeping):
        return "it does not run"
    status = box.sandbox.exec(["/bin/cat", f"/proc/{sleeping()}/status"]).text
    ids = {
        line.split(":")[0]: {int(n) for n in line.split()[1:]}
        for line in status.splitlines()
        if line.startswith(("Uid:", "Gid:", "Groups:"))
    }
    if ids["Uid"] != {_NOBODY}:
        return f"its UIDs are {sorted(ids['Uid'])}"
    if 0 in ids["Gid"] | ids["Groups"]:
        return "it has root's group"
    return ""


def not_up(box: Box, expected: str) -> Finding:
    """`Box.not_up` for the first look at a program: which of the ways not to be one this is."""
    text = "\n".join(box.console())
    if box.exit is not None:
        hint = (
            "not-python" if box.complaint().startswith(UNREAD) else "ends-early" if text else "says-nothing"
        )
        return box.trial.no(expected=expected, seen=box.ended(), hint=hint)
    if not box.up():
        if len(text) > _FLOOD:
            seen = f"PID 1 has written {len(text) // 1000} kB, and starts nothing"
            return box.trial.no(expected=expected, seen=seen, hint="spins")
        before = box.first().cpu
        box.trial.pause(0.5)
        if (used := (box.first().cpu - before) / 0.5) > _SPINS:
            seen = f"PID 1 uses {used:.0%} of a processor, and starts nothing"
            return box.trial.no(expected=expected, seen=seen, hint="spins")
    return box.not_up(expected)


def strange_descriptors(said: list[str]) -> tuple[str, str] | None:
    """Which hint the file descriptors of an actor that `looks` earn, and what is wrong with them; or None."""
    lines = [line.split(" ", 2)[1:] for line in said if line.startswith("fd ")]
    # The folder under /proc is the one that ls(1) is reading.
    found = {int(n): to for n, to in lines if not to.startswith("/proc/")}
    if more := [f"{n} ({to})" for n, to in found.items() if n > 2]:
        return "descriptors-left", f"also {', '.join(more)}"
    if lost := [str(n) for n in (0, 1, 2) if n not in found]:
        return "descriptors-lost", f"{', '.join(lost)} is closed"
    return None


def or_none(event: Event | None) -> str:
    return "no exit event" if event is None else f"reported: {ending(event)}"


def ending(event: Event) -> str:
    told = [f"{key} {event[key]}" for key in ("code", "signal") if key in event]
    return " and ".join(told) or "neither a code nor a signal"


def misreported(event: Event, wanted: Event) -> tuple[str, str] | None:
    """Which hint an `exit` event earns, and what it says; None where it says what is wanted."""
    told = {key: event[key] for key in ("code", "signal") if event.get(key) is not None}
    if told == wanted:
        return None
    seen = ending(event)
    if (number := wanted.get("signal")) is not None:
        if told.get("code") in (-number, 128 + number) or told.keys() == {"code", "signal"}:
            return "signal-as-code", seen
        return ("raw-status" if told.get("code") == number else "wrong-status"), seen
    if told.get("code") == wanted["code"] << 8 and wanted["code"]:
        return "raw-status", seen
    return "wrong-status", seen


def signal_names(bits: int) -> str:
    found = [n for n in range(1, 65) if bits & (1 << (n - 1))]
    known = {int(one): one.name for one in signal.Signals}
    shown = [known.get(n, str(n)) for n in found]
    return ", ".join(shown) if len(shown) <= 6 else f"{len(shown)} signals"
