"""The hints of `p0.pid1`: one for each way a PID 1 goes wrong. They say what is wrong, not what to type."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["PID1_HINTS"]

PID1_HINTS: Mapping[str, str] = {
    "does-not-run": (
        "The program ended before it had started the command. What Python says on the last line of "
        "the console is in the table."
    ),
    "never-starts": (
        "PID 1 runs, but has no child. The command and its arguments are what follows the program's "
        "own name (and `-g`) in `sys.argv`."
    ),
    "exec-not-fork": (
        "The command has become PID 1: the program replaced itself with it. Then nothing of yours is "
        "left to reap or to forward. PID 1 must stay, and the command must be its child."
    ),
    "not-its-child": (
        "Something stands between PID 1 and the command, a shell perhaps. Signals and the exit status "
        "then stop at the one in between. The command must be PID 1's own child."
    ),
    "arguments": (
        "The command got other arguments than it was given. Everything after the command's name "
        "belongs to the command: blanks, quotes, `$` and even a `-g` arrive there unchanged."
    ),
    "output-captured": (
        "The command runs, but what it prints does not reach the console. A child inherits PID 1's "
        "output unless told otherwise; leave it so."
    ),
    "no-reaping": (
        "The command has ended and is a zombie: PID 1 never waits for any child. The kernel keeps a "
        "dead child's exit status, and its PID, until its parent asks for it with one of the wait "
        "calls."
    ),
    "does-not-exit": (
        "The child has ended and was reaped, but PID 1 goes on. Notice which of the reaped processes "
        "was the one you started, and end when it was."
    ),
    "exit-zero": (
        "PID 1 ended with 0 although its child did not. What a wait call returns holds the child's "
        "status: pass it on. (If two places of your program wait for the same child, one of them gets "
        "nothing to report.)"
    ),
    "raw-status": (
        "What a wait call returns is not the exit code: the code stands in its high byte and a signal "
        "in its low one, and an exit code keeps only the low byte. Take it apart first."
    ),
    "wrong-status": "PID 1 ended with another status than its child. The table shows both.",
    "negative-status": (
        "A negative number from Python means “killed by that signal”; as an exit code it wraps round "
        "to 256 minus the signal. Shells, and your users, expect 128 plus the signal."
    ),
    "signal-as-zero": (
        "The child was killed by a signal and PID 1 reports success. A child that was killed has no "
        "exit status of its own: ask whether it was killed before you ask how it exited. The answer "
        "to give is 128 plus the signal."
    ),
    "signal-status": (
        "When a signal kills the child, PID 1 ends with 128 plus the signal's number, as a shell does."
    ),
    "blocked-in-child": (
        "PID 1 waits for signals that it has blocked, and its child was born with them blocked too: "
        "the mask is inherited across fork and exec. Give the child a clean mask before the command "
        "starts."
    ),
    "orphans-stay": (
        "Only the child you started is waited for. An orphan becomes a child of PID 1 without asking, "
        "and stays a zombie until PID 1 waits for it: wait for any child, not for one."
    ),
    "one-per-signal": (
        "Some orphans were reaped, the others stay. SIGCHLD does not queue: while it is pending, "
        "further deaths add nothing. One SIGCHLD means “at least one child”: reap until there is "
        "nothing left to reap."
    ),
    "reaps-late": (
        "The zombies do go, but late: PID 1 looks for them now and then. Let the kernel tell you at "
        "once that a child has died, instead of asking on a timer."
    ),
    "exits-with-orphan": (
        "PID 1 ended while its own child was running: it took the death of an adopted orphan for the "
        "death of its child. A wait for any child says which one it was: compare."
    ),
    "ends-early": (
        "PID 1 ended while its child was running. When PID 1 ends, the kernel kills every process of "
        "its namespace: nobody gets to clean up."
    ),
    "lost-status": (
        "After reaping many orphans PID 1 does not pass on the status of its own child any more. "
        "Whoever reaps the child must also remember its status."
    ),
    "sigterm-not-forwarded": (
        "SIGTERM arrives at PID 1 and goes no further. PID 1 has no default actions: a signal without "
        "a handler is dropped. Catch it and send it on to the child."
    ),
    "exits-before-child": (
        "On SIGTERM PID 1 ended before its child had finished cleaning up, and the kernel killed the "
        "child with it. Send the signal on, then keep waiting: the child decides when it is over."
    ),
    "signals-too-many": (
        "Processes got SIGTERM that it was not for. Without `-g` it goes to the child alone; with "
        "`-g` to the child's process group, and to nobody else."
    ),
    "option-g": (
        "With `-g` before the command PID 1 did not start the command. It is an option of yours, not "
        "a command."
    ),
    "no-own-group": (
        "The child is in the same process group as PID 1. To signal the child's whole group and not "
        "itself, PID 1 must give the child a group (or a session) of its own when it starts it."
    ),
    "group-not-signalled": (
        "With `-g`, SIGTERM reached the child but not the processes it had started. kill(2) can "
        "address a whole process group."
    ),
    "dies-on-second": (
        "The first SIGTERM was forwarded; at the second, PID 1 ended before its child had. An "
        "impatient operator sends it twice: forward each one, and keep waiting."
    ),
    "second-signal-lost": (
        "The first SIGTERM reached the child, the second did not. A handler, or a wait for a signal, "
        "has to serve more than once."
    ),
    "busy-loop": (
        "PID 1 uses the processor while nothing happens. It asks again and again whether a child has "
        "died; there are calls that sleep until one has."
    ),
    "not-found": (
        "A command that does not exist is the user's mistake, and PID 1 answers as a shell would: a "
        "message, and exit code 127."
    ),
    "not-executable": (
        "A command that exists but may not be executed has a code of its own, 126: the error you "
        "catch tells one from the other."
    ),
    "no-message": (
        "The exit code is right, but nothing on the console names the command that could not be "
        "started. Whoever reads the log has only that."
    ),
}
