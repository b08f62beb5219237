"""Synthetic recordings for the tests."""

from __future__ import annotations

from helpers.probes.events import Event, Events
from helpers.probes.recording import Header, Recording

__all__ = ["RECORDING"]

RECORDING = Recording(
    Header(
        stack="web", init="runit", engine="embedded", source="connector", until=3.0, services=("db", "app")
    ),
    Events(
        [
            Event(0.0, "", "exec", 1, outside=100, comm="runit", argv=("/sbin/runit",)),
            Event(0.1, "db", "fork", 5, outside=105, by=1, main=True),
            Event(
                0.15,
                "db",
                "exec",
                5,
                outside=105,
                comm="redis-server",
                argv=("/usr/bin/redis-server",),
                main=True,
            ),
            Event(0.2, "app", "fork", 6, outside=106, by=1, main=True),
            Event(0.21, "app", "exec", 6, outside=106, comm="run", argv=("/bin/sh", "./run"), main=True),
            Event(0.22, "app", "fork", 7, outside=107, by=6),
            Event(0.3, "app", "exit", 7, outside=107, comm="<wait>", status=1),
            Event(0.31, "app", "reaped", 7, outside=107, by=6),
            Event(0.4, "db", "ready", 5, outside=105, main=True, slack=0.05),
            Event(
                0.5,
                "app",
                "exec",
                6,
                outside=106,
                comm="python3",
                argv=("/usr/bin/python3", "app.py"),
                main=True,
            ),
            Event(0.52, "app", "ready", 6, outside=106, main=True, slack=0.03),
            Event(1.0, "app", "signalled", 6, "SIGKILL", main=True),
            Event(1.001, "app", "exit", 6, outside=106, comm="python3", signal="SIGKILL", main=True),
            Event(1.2, "app", "reaped", 6, outside=106, by=1, main=True),
            Event(2.0, "app", "fork", 9, outside=109, by=1, main=True),
            Event(2.5, "app", "ready", 9, outside=109, main=True),
        ]
    ),
)
