"""The hints of `p3.stage4`: one for each way readiness and logs go wrong. They say what is wrong, not what to
type."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["HINTS"]

HINTS: Mapping[str, str] = {
    "up-is-not-ready": (
        "What depends on a service was started while that service was up and not yet ready. Its manifest "
        "says how one finds out; until then, it is only a process."
    ),
    "any-byte": (
        "A service wrote to its notification descriptor, and no newline, and counted as ready. The "
        "newline is the word; what comes before it is noise."
    ),
    "notify-fd": (
        "The service did not find its notification descriptor: it is open in the service under the number "
        "that the manifest gives, and `NOTIFY_FD` says that number."
    ),
    "notify-leaks": (
        "A service that has no readiness was started with descriptors of the supervisor's, or of another "
        "service's pipe. An end that stays open somewhere is never seen closed."
    ),
    "not-heard": (
        "A service has said that it is ready, or its probe would succeed, and what depends on it does not "
        "start. Who listens, and does hearing lead to another look at the graph?"
    ),
    "ready-for-ever": (
        "A service was ready, died, and was started again, and counted as ready at once. Readiness "
        "belongs to one life of a process."
    ),
    "http-status": (
        "An HTTP probe took an answer for what it is not. Somebody who says 503 is up, and says himself that "
        "he is not ready; what begins with 2 or with 3 is a yes, whatever follows."
    ),
    "http-path": (
        "An HTTP probe asked for another path than the manifest's `path`. What answers there may be ready "
        "when the service is not, or not know the question at all."
    ),
    "no-late": (
        "A service was not ready within its `timeout`, and no `late` event says so, or more than one does. "
        "There is one for each life."
    ),
    "late-is-ready": (
        "After its `timeout` a service that never became ready counted as ready, and what depends on it "
        "was started. Time that has passed is no answer."
    ),
    "late-is-dead": (
        "A service was stopped because it was not ready in time. The contract is to say so: it may still "
        "come."
    ),
    "late-for-ever": (
        "A service got ready after its `timeout`, and nobody noticed, or nothing that depends on it started. "
        "`late` is a message to people; what ends with it in your program?"
    ),
    "probe-blocks": (
        "While one service's probe hung, nobody looked after the others. What may take its time must not "
        "take yours: where does the asking happen?"
    ),
    "no-log": (
        "What a service wrote is not in its log. Standard output and error both go into one pipe, and the "
        "supervisor writes what comes out of it to `current`."
    ),
    "message-in-the-log": (
        "A command cannot be executed, and PID 1's own error output does not say so. The child says it, and "
        "its descriptor 2 has become the service's log by then: what else leads to the console?"
    ),
    "on-the-console": (
        "A service's lines came out on PID 1's console. From this stage on they belong into its log, and "
        "the console to the supervisor."
    ),
    "no-timestamp": (
        "With `timestamps` each line begins with the time, as 2026-01-31T12:00:00Z and a space; without, "
        "nothing stands before it."
    ),
    "last-words": (
        "What a service wrote just before it ended is not in its log, or the line it left unfinished runs "
        "into the next life's first. A dead service's pipe may still hold something; and it should be a "
        "pipe that the next life goes on with."
    ),
    "not-rotated": "A log has grown beyond its `max_bytes`. Look before you write, not after.",
    "too-many-kept": "More old files are there than `keep` says, or fewer than were filled.",
    "torn": (
        "A line was cut in two, half in one file and half in the next. A read gives you bytes, not lines: "
        "what do you do with the last piece when the file is full?"
    ),
    "lost-lines": (
        "Lines are missing from the log, in the middle or at the end, though there was room for them. "
        "Count what you read against what you write, where files change hands too."
    ),
    "long-line-lost": (
        "A line that is longer than a whole file was lost, or a part of it. It cannot be kept in one piece; "
        "the pieces can."
    ),
    "long-line-cut": (
        "A line that a file could hold, of less than 16 KiB, was cut into pieces. It came in more than one "
        "read: how long do you wait for its end, and where is it meanwhile?"
    ),
    "blocks": (
        "While one service wrote without end, another was not looked after. Take a little from each pipe, "
        "then look at everything else: nobody's output is more urgent than a death."
    ),
    "hoards": (
        "PID 1's memory grows with what a service writes. A pipe is a promise to make the writer wait; "
        "what you read without having a place for it breaks that promise."
    ),
    "stalls": (
        "Nobody reads PID 1's own output, and PID 1 stands still. A write to a full pipe sleeps until "
        "somebody reads (pipe(7)): PID 1 cannot afford to be the one that sleeps."
    ),
    "web-not-up": (
        "The web stack does not come up: redis, app and nginx, with a probe of another kind each. What "
        "your supervisor said last is in the table."
    ),
    "web-stays-down": (
        "A service of the web stack was killed, and the stack does not answer again. Which of the three "
        "is not there, and what does it wait for?"
    ),
}
