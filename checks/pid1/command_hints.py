"""The hints of the suite for programs that run one command: what is wrong, not what to type."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["HINTS"]

HINTS: Mapping[str, str] = {
    "never-starts": (
        "The command was not started, or ended at once. Look at the last line on the console: PID "
        "1 is given the "
        "command and its arguments after its own."
    ),
    "exec-not-fork": (
        "The command has become PID 1, so nobody is left to reap and to forward. It must be a child."
    ),
    "not-its-child": (
        "Something stands between PID 1 and the command. Signals and the exit status stop there."
    ),
    "output-captured": (
        "The command runs, but what it prints does not arrive. A child inherits PID 1's output."
    ),
    "does-not-end": (
        "The command has ended, and PID 1 runs on. Find out which of the reaped processes was the "
        "one you started."
    ),
    "wrong-status": "PID 1 ended with another status than the command. The table shows both.",
    "signal-status": (
        "A signal killed the command: the exit code to give is 128 plus its number, for every "
        "signal. Is it taken "
        "apart by the macros of wait(2), and not by hand?"
    ),
    "leaks-descriptors": (
        "The command has file descriptors that PID 1 opened for itself. An open file outlives "
        "execve(2) unless it "
        "is marked to be closed."
    ),
    "signals-blocked": (
        "The command was born with signals blocked: the mask is inherited across fork and execve. "
        "Who waits for "
        "signals by blocking them must give the child back what was there before."
    ),
    "signals-ignored": (
        "The command was born ignoring signals. A handler is reset by execve(2), an ignored signal "
        "is not. Your "
        "language's run time may ignore some without telling you."
    ),
    "no-own-group": "The command is in PID 1's process group: whatever is sent to that group hits both.",
    "orphans-stay": "Orphans stay zombies: PID 1 waits for its own child only. It must wait for any.",
    "one-per-signal": "One SIGCHLD may stand for many dead: reap until nobody is left to reap.",
    "reaps-late": "The zombies go, but late: PID 1 looks now and then. The kernel could tell it at once.",
    "exits-with-orphan": "PID 1 took the end of an orphan for the end of its command.",
    "ends-early": "PID 1 ended while its command was running, and the kernel killed the command with it.",
    "lost-status": (
        "In the end PID 1 did not give its command's exit status, although it had done the rest right."
    ),
    "hides-failure": "The command could not be started, and PID 1 ends with success, or does not end.",
    "no-message": "The exit code tells of a failure; nothing on the console says which command it was.",
    "other-code": (
        "There is a message. The exit code should tell the two apart: 127 not found, 126 not executable."
    ),
    "not-forwarded": (
        "Some signals did not reach the command. Those without a handler are dropped by PID 1: go "
        "through all that "
        "can be caught, and pass on each."
    ),
    "faults-not-forwarded": (
        "Signals such as SIGSEGV were not passed on when somebody sent them. Only SIGKILL and "
        "SIGSTOP cannot be "
        "caught; how can you tell a sent one from a fault of your own? (sigaction(2), si_code)"
    ),
    "realtime-not-forwarded": (
        "There are more signals than the 31 with names: the real-time ones go up to 64, and a "
        "range that ends at "
        "31, or an enumeration of names, misses them."
    ),
    "ends-on-signal": (
        "PID 1 ended when a signal came, before its command had. Passing on is not ending: the "
        "command decides."
    ),
    "twice": (
        "The command got a signal more than once. Either two ways lead to it (the terminal and PID "
        "1 both sent it), "
        "or it was passed on twice."
    ),
    "whole-group": (
        "The command's helpers got SIGTERM too. It was for the command; kill(2) with a "
        "negative number is for all."
    ),
    "kills": (
        "The command took its time after SIGTERM, and PID 1 killed it. Whoever stops a "
        "container sets the deadline."
    ),
    "does-not-stop": (
        "SIGTSTP did not stop the command. In a session of its own, its process group is orphaned, "
        "and the kernel "
        "drops stop signals of the terminal's kind (setpgid(2), signal(7)). Or it was not passed on at all."
    ),
    "does-not-continue": (
        "The command was stopped and SIGCONT did not reach it. If PID 1 stops as well, it has to "
        "go on first; and "
        "SIGCONT can be caught like others."
    ),
    "stop-is-end": (
        "The command was stopped, and PID 1 took that for its end. A parent is told of stops as "
        "well: which options "
        "of wait(2) ask for it, and what does WIFSTOPPED say?"
    ),
    "no-terminal": (
        "The command could not read from the terminal. It is in a process group of its own, and "
        "that group is not "
        "the terminal's foreground: the kernel stops who reads from the background. tcsetpgrp(3), "
        "and mind SIGTTOU."
    ),
    "no-interrupt": "Ctrl-C did not reach the command: which process group does the terminal send it to?",
    "no-job-control": (
        "A shell as the command cannot control jobs. It needs a controlling terminal whose "
        "foreground it is, and "
        "its stop signals at their defaults."
    ),
    "busy-loop": (
        "PID 1 uses the processor while nothing happens. There are calls that sleep until something does."
    ),
    "polls": (
        "PID 1 wakes up now and then although nothing happens. A timeout is not needed: the kernel "
        "wakes it when a "
        "child has ended or a signal has come."
    ),
    "stalls": (
        "Nobody reads PID 1's output, and it does not do its work any more. Does it write a line "
        "for each signal, "
        "or pass its command's output through itself? A write to a full pipe sleeps."
    ),
    "waits-for-nothing": (
        "There was no process left to start the command with, and PID 1 waits for a child it never had."
    ),
}
