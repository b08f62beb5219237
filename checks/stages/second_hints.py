"""The hints of `p3.stage2`: one for each way restarting goes wrong. They say what is wrong, not what to
type."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["HINTS"]

HINTS: Mapping[str, str] = {
    "not-again": (
        "A service has ended that its policy brings back, and it was not started again. Which ends did "
        "your program count as wanted?"
    ),
    "against-policy": (
        "A service was started again against its policy. `never` means never; `on-failure` means an "
        "exit code other than 0, or a signal; without `restart` in the manifest, the policy is "
        "`always`."
    ),
    "signal-is-failure": (
        "A service with `on-failure` was killed by a signal and not started again. To be killed is no "
        "success: only code 0 is."
    ),
    "no-second-try": (
        "A service whose command cannot be executed was not tried again. Its end is a failure like another, "
        "with code 127: the command may be there a moment later, and the policy decides."
    ),
    "no-restart-event": (
        "A service is started again, and no `restart` event has said so before. It is said when the "
        "wait begins, with its `delay` in seconds."
    ),
    "no-down-event": (
        "A service will never be started again, and no event says so. Who reads the log has to tell a "
        "service that waits from one that is given up."
    ),
    "no-growth": (
        "The waits of a service in a crash loop do not grow as its manifest says. Each is `factor` "
        "times the one before."
    ),
    "no-cap": "A wait is longer than `max_delay`. Nothing is beyond it, the first wait neither.",
    "wrong-default": (
        "A manifest leaves something of `restart` out, and the wait is another than the contract says for "
        "that. Each of its four fields has a value of its own where it is missing."
    ),
    "wrong-delay": (
        "A wait is another than the manifest says: the first is `delay`, each next one `factor` times "
        "the one before, none is longer than `max_delay`. Whose numbers are used for which service?"
    ),
    "too-early": "A service was started again before the wait that was announced was over.",
    "no-reset": (
        "A service ran long enough to count as stable, and its next wait is as long as if it had not. "
        "What is remembered about a service has to be forgotten at some point."
    ),
    "reset-too-soon": (
        "A service that ran only for a moment has its wait begin anew. A crash loop is what it is "
        "because each run is short: when does a run count as stable?"
    ),
    "no-limit": (
        "A service is started again and again beyond the start limit. Back-off slows a hopeless service "
        "down; the limit ends it."
    ),
    "limit-too-early": (
        "A service was given up though it was never started too often within the time that counts. The "
        "limit is about starts within some seconds, not about starts since the boot."
    ),
    "limit-at-the-end": (
        "A service was given up whose next start would not have been one too many: its wait had grown, and "
        "by then the earlier starts would have lain too far back. The limit is about starts. When do you "
        "count?"
    ),
    "starts-after-down": (
        "A service was reported `down` and started again later. `down` means that nobody starts it any more: "
        "the one who reads it goes and looks."
    ),
    "blocks-others": (
        "While one service waited for its restart, another one was not looked after. Your program may "
        "sleep only in the one place that anything can wake it from: the wait is a time to remember, "
        "not a pause."
    ),
    "restarts-while-stopping": (
        "After SIGTERM a service was started again. Once everything is to stop, no policy brings "
        "anything back."
    ),
    "due-while-stopping": (
        "After SIGTERM, while another service was still ending, a wait that had begun before was over, and "
        "its service was started. What was remembered before SIGTERM has to be looked at again when its "
        "time comes."
    ),
    "waits-for-the-wait": "After SIGTERM PID 1 went on until a restart was due that nobody wants any more.",
}
