"""The hints of the suite for inits that run services: what is wrong, not what to type."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["HINTS"]

HINTS: Mapping[str, str] = {
    "never-starts": "A service was not started. Look at PID 1's last line on the console.",
    "other-arguments": (
        "A service did not get the arguments of its manifest as they are: no shell is to touch them."
    ),
    "ends-early": "PID 1 ended, and the kernel killed every service with it.",
    "shares-group": (
        "A service is in PID 1's process group, or in another service's: what is sent to that group "
        "hits both. A process can leave its group, or its session, before it becomes the service."
    ),
    "signals-blocked": (
        "A service was born with signals blocked: the mask is inherited across fork and execve. Who "
        "waits for signals by blocking them must give the child back what was there before."
    ),
    "signals-ignored": (
        "A service was born ignoring signals. A handler is reset by execve(2), an ignored signal is "
        "not. Your language's run time may ignore some without telling you."
    ),
    "leaks-descriptors": (
        "A service has file descriptors that PID 1 opened for itself. An open file outlives execve(2) "
        "unless it is marked to be closed."
    ),
    "polls": ("Nothing happens, and PID 1 wakes up all the same, to look. The kernel could wake it."),
    "busy-loop": "PID 1 works while nothing happens: it asks again and again, without sleeping.",
    "dies-of-signal": (
        "A signal that asks for nothing ended PID 1. The kernel drops what PID 1 has no handler for: "
        "so there was one, or the language's run time had set one."
    ),
    "disturbs-services": "PID 1 got a signal that asks for nothing, and a service was started anew.",
    "not-restarted": "A service ended, and nobody started it again, though its policy is `always`.",
    "restarts-others": "One service ended, and another one was started anew with it.",
    "restarts-never": "A service with the policy `never` ended, and was started again.",
    "orphans-stay": ("Orphans stay zombies: PID 1 waits for its services only. It must wait for any child."),
    "one-per-signal": "One SIGCHLD may stand for many dead: reap until nobody is left to reap.",
    "reaps-late": ("The zombies go, but late: PID 1 looks now and then. The kernel could tell it at once."),
    "spins": (
        "A service that ends at once is started again at once, for ever: nothing holds the restarts back."
    ),
    "holds-up": ("One service ends again and again, and another one had to wait for its restart."),
    "not-told": "PID 1 shuts down and a service is not told: it never got its stop signal.",
    "kills-at-once": (
        "A service got its stop signal, and was killed before it had cleaned up, within its grace."
    ),
    "second-ends-it": (
        "A second stop signal ended PID 1 at once, and with it a service that was still cleaning up."
    ),
    "does-not-end": ("PID 1 does not end: it waits for a service that does not hear its stop signal."),
    "other-exit": ("PID 1 shut everything down, and then did not end the way that means a clean shutdown."),
    "stalls": ("Nobody reads the console, and PID 1 waits for that: a write to a full pipe sleeps."),
    "holds-writers": (
        "Nobody reads the console, and a service that writes to its output stands still: what it writes goes "
        "where PID 1's own output goes. A supervisor that takes what its services write does not pass its "
        "own trouble on to them."
    ),
    "gives-up": ("There was no process to spare for a moment, and the service was never started again."),
    "dies-of-want": "PID 1 ended because it could not have a process, or memory.",
}
