"""The hints of `p3.listing`, one for each mistake: what is wrong, never the line to type."""

from __future__ import annotations

__all__ = ["HINTS"]

HINTS = {
    "recursion": (
        "E0733. What an async function has to remember while it waits is kept in a value of a size "
        "known beforehand; one that waits for itself would hold itself. Does this function wait for "
        "anything at all?"
    ),
    "does-not-compile": (
        "The crate does not compile with your file in it. Read the compiler's first error: it names the "
        "line, and mostly says what it would take."
    ),
    "not-read": (
        "The manifest was not taken. A TOML file is a table, from its first line on; `[[service]]` says "
        "under which key of it the list stands."
    ),
    "twice": (
        "A service was started that ran already, so it runs twice. Who calls `start` for it, and for "
        "whom else has it been called before?"
    ),
    "out-of-order": "A service was started before one that it depends on.",
    "ends-early": (
        "PID 1 ended though nobody asked it to: on a machine that is a kernel panic. Which error of one "
        "service travels all the way up to main?"
    ),
    "takes-cycle": (
        "Services that wait for one another in a circle were taken: nothing can be first. A walk along "
        "the dependencies can tell, if it knows which way it came."
    ),
    "cycle-late": (
        "The cycle was told, and something had been started by then. What can be known from the file "
        "alone should be known before anything runs."
    ),
    "cycle-unnamed": (
        "The manifest was refused, and the reason does not name everybody in the circle. Who reads it "
        "wants to find the arrow that is wrong."
    ),
    "never-restarts": (
        "A service that ended is not started again, though its auto_restart says so. Was its end "
        "noticed? What one place has waited for, another one never hears of."
    ),
    "dead-counts": (
        "A service came back while one that it depends on was dead. A PID is a number, and stays one "
        "when the process is gone: who can tell that it has ended? And does a restart ask?"
    ),
    "blocked": (
        "A service that should have come back at once did not, because another one was in its delay. "
        "While the loop sleeps for one of them nobody looks after the rest: what has to be remembered "
        "to go on at once?"
    ),
    "too-soon": "A service was started again before its restart_delay_secs had passed.",
    "zombies": (
        "PID 1 has zombies: orphans, which came to it because their parent ended. It never spawned "
        "them, so no `Child` stands for them. Which call waits for any child?"
    ),
    "ignores-term": (
        "SIGTERM to PID 1 has no effect: the kernel drops signals that PID 1 has no handler for "
        "(pid_namespaces(7)). And the services do not hear of it by themselves."
    ),
    "still-blocked": (
        "Services were started with SIGTERM blocked, and wait with it for ever. A child begins with "
        "what its parent has blocked, and keeps it across execve(2) (sigprocmask(2))."
    ),
    "stops-at-once": (
        "Services were told to stop while others that depend on them still ran, or were not left the "
        "time to clean up."
    ),
    "comes-back": "A service was started again while everything was being stopped.",
    "never-ends": "All services have ended, and PID 1 has not ended with 0.",
}
