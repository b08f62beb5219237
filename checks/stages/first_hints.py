"""The hints of `p3.stage1`: one for each way a first supervisor goes wrong. They say what is wrong, not what
to type."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["HINTS"]

HINTS: Mapping[str, str] = {
    "ends-early": (
        "PID 1 ended while it was needed. A supervisor goes on whatever becomes of a service, until it "
        "is told to stop. What it said last is in the table."
    ),
    "never-starts": (
        "PID 1 runs, and services of the manifest do not. Is every one started before your program "
        "waits for any of them?"
    ),
    "not-python": (
        "Python could not read the program, so not a line of it was run. The table has the message, and the "
        "number of the line where Python gave up; the mistake may stand just above it."
    ),
    "says-nothing": (
        "The program ended without starting or saying anything. Is its last line run, the one that calls "
        "main? Is the file the one that you mean?"
    ),
    "spins": (
        "PID 1 works without a pause and starts nothing: a loop before the first start never ends, or "
        "something is written again and again."
    ),
    "twice": (
        "A service was started more than once. After fork there are two processes in the same program: "
        "which of them goes on with the next service?"
    ),
    "not-its-child": (
        "Something stands between PID 1 and the service, a shell perhaps. Whose end would PID 1 be told "
        "of then? The service must be PID 1's own child."
    ),
    "arguments": (
        "The service got other arguments, another folder or other variables than the manifest says. "
        "What stands there arrives unchanged: no shell looks at it."
    ),
    "no-own-session": (
        "The service is in PID 1's session, or in a process group with others. Somebody who signals its "
        "group then hits more than the service. It must lead a session of its own before it becomes its "
        "command."
    ),
    "not-reported": (
        "The service runs, and no event says so. An event is one line of JSON with the keys of the "
        "contract, written at once: what waits in a buffer has not been said."
    ),
    "wrong-pid": (
        "The event has another PID than the service. Which of the two processes after fork knows the "
        "child's number, and from where?"
    ),
    "signals-left": (
        "The service was started with signals blocked or ignored. Handlers end with exec; the mask, and "
        "what is ignored, do not (signal(7)). Remember that Python itself ignores one or two when it "
        "starts."
    ),
    "descriptors-left": (
        "The service has file descriptors of the supervisor's. Whoever holds the end of a pipe keeps it "
        "open; what is yours is to be closed on exec."
    ),
    "descriptors-lost": (
        "A service has lost its standard input, output or error. The next file that it opens gets that "
        "number, and what is meant for the one goes to the other. Those three stay as they are."
    ),
    "not-its-user": (
        "A service has a `user`, and does not run as that: whoever is root, or in root's group, can do what "
        "the user cannot. Groups first: without root's rights they cannot be changed any more."
    ),
    "no-exit": (
        "A service has ended, and no event tells of it. Who asks about children that have ended, and "
        "how often?"
    ),
    "told-late": (
        "A service's end was reported before its start was. An event is written at once, where it happens: "
        "whoever reads them has nothing but their order."
    ),
    "told-twice": "One end was reported more than once. A child that was reaped is gone from your table.",
    "stopped-is-no-end": (
        "A service was stopped (SIGSTOP), and your program took that for an end, or ended over it. SIGCHLD "
        "comes for that, too. What does your wait call ask for, and what does its answer say?"
    ),
    "raw-status": (
        "What a wait call returns is not the exit code: the code stands in its high byte and a signal "
        "in its low one. Take it apart before you report it."
    ),
    "signal-as-code": (
        "A service that was killed by a signal has no exit code. Report the signal's number as "
        "`signal`, and no `code`: who restarts services wants to know which of the two it was."
    ),
    "wrong-status": "A service's end is reported with another status than it had. The table shows both.",
    "orphans-stay": (
        "Orphans that PID 1 adopted have ended and stay zombies. PID 1 is the parent of processes it "
        "never started, and has to ask about those too."
    ),
    "one-per-signal": (
        "Some of the children that ended at the same time stay zombies or untold. SIGCHLD is not "
        "counted: a second one is dropped while the first waits (signal(7)). One signal may stand for "
        "any number of ends."
    ),
    "stranger-reported": (
        "An adopted orphan was reported as if it were a service, or its end upset PID 1. Not every "
        "child that has ended is in your table."
    ),
    "no-127": (
        "The end of a service whose command cannot be executed was not reported with code 127. The "
        "child is a copy of the supervisor until exec succeeds: where exec fails, the copy must end "
        "there, at once."
    ),
    "no-message": (
        "A command cannot be executed, and nothing on standard error names it. The person who reads the "
        "console has nothing else to go by."
    ),
    "child-goes-on": (
        "A second supervisor is running: a child whose exec failed went on in the supervisor's own "
        "code, with the supervisor's table and handlers. A child must never come back from the place "
        "where it execs."
    ),
    "sigterm-ignored": (
        "PID 1 got SIGTERM and the services did not. PID 1 has no default actions: a signal that it "
        "does not handle is dropped (pid_namespaces(7))."
    ),
    "early-lost": (
        "SIGTERM came while services were still being started, and it was lost. When does your program begin "
        "to listen, before its first child or after its last one?"
    ),
    "before-setsid": (
        "SIGTERM came just after a fork. The child had not called setsid yet, so there was no group of its "
        "number: it was passed over, or the error ended PID 1. A child that has no group yet can still be "
        "signalled."
    ),
    "kills-at-stop": (
        "A service got SIGTERM, was cleaning up, and was killed. Stage 1 waits as long as its services need; "
        "who gives up on them, and when, is in the manifest of a later stage."
    ),
    "second-ends-it": (
        "A second SIGTERM, and PID 1 ended at once: its services lost the time to clean up. Somebody who "
        "presses the button twice asks for nothing new."
    ),
    "dies-of-signal": (
        "A signal that asks for nothing ended PID 1, and with it everything else. PID 1 has no default "
        "actions: without a handler of yours the kernel would have dropped it (pid_namespaces(7))."
    ),
    "only-the-leader": (
        "A service's own process got SIGTERM, and what it started did not. The service is more than one "
        "process: signal its process group."
    ),
    "leaves-early": (
        "PID 1 ended before its services had. When PID 1 ends, the kernel kills all others, in the "
        "middle of whatever they were doing. Wait for the last one, and report it."
    ),
    "does-not-end": (
        "Every service has ended after SIGTERM, and PID 1 runs on. What does your loop wait for when "
        "the table of children is empty?"
    ),
    "exit-code": "PID 1 ended with another code than 0, although everything was stopped as asked.",
    "busy": (
        "PID 1 works while nothing happens. Sleep in a call that returns when there is something to do, "
        "instead of asking again and again."
    ),
    "polls": (
        "PID 1 wakes up while nothing happens, to look. That is cheap once, and on a machine with a thousand "
        "of them it never sleeps. The kernel wakes you when a child ends or a signal comes: sleep in a call "
        "without a time limit, or until the time that is due."
    ),
}
