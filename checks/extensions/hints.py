"""The hints of the six extensions: what is wrong with an answer, never the line to type."""

from __future__ import annotations

from collections.abc import Mapping

from checks.extensions.part import COMPILES

__all__ = ["HEALTH", "LIMITS", "LOGGING", "RELOAD", "SIGNALS", "USER"]

_ALL: Mapping[str, str] = {
    COMPILES: (
        "The crate does not compile with your file in it. Read the compiler's first error: it names "
        "the line, and mostly says what it would take."
    ),
    "ends-early": (
        "PID 1 ended while it was needed. A panic in your part is the end of everything: what it said"
        " last is in the table."
    ),
    "never-starts": (
        "PID 1 runs, and a service of the manifest does not. What does your part answer for it?"
    ),
}

LOGGING: Mapping[str, str] = {
    **_ALL,
    "not-there": (
        "What the service wrote is not in its log. Who holds the other end of its standard output, "
        "and does anybody read it?"
    ),
    "errors-missing": (
        "Standard error is not in the log. A service has two ways to say something; both belong there."
    ),
    "mixed": "Lines of one service are in the log of another. What tells your readers apart?",
    "not-as-written": (
        "The log holds other lines than were written, or in another order. One reader for both "
        "streams keeps the order."
    ),
    "begins-anew": ("What the process before had written is gone. How is the file opened the second time?"),
    "too-large": (
        "A file is larger than max_bytes. The question comes before a line is written: would it still fit?"
    ),
    "keeps-others": (
        "There are files that should not be: more than `keep`, or with other names than the "
        "contract's. What happens to the oldest when all places are taken?"
    ),
    "keeps-too-few": (
        "Too few old files are left. In which order are they renamed? A rename replaces what has that"
        " name already."
    ),
    "torn": (
        "A line was cut in two. What one read gives ends where the pipe was empty, not where a line ends."
    ),
    "lost": ("Lines are missing. Follow one that arrives exactly when the file is full: where does it go?"),
    "refuses": (
        "A service was not started because its log cannot be written. A log is worth less than the service."
    ),
    "blocks": (
        "Somebody waits because a log cannot be written. When nobody reads a pipe any more, its "
        "writer waits at 64 KiB (pipe(7)): reading must go on, whatever becomes of what is read."
    ),
}

SIGNALS: Mapping[str, str] = {
    **_ALL,
    "ends-for-others": ("A signal that means nothing to the supervisor stopped it. Which are its own?"),
    "ignores-term": "PID 1 was told to stop, and the services were told nothing.",
    "whole-group": (
        "The processes that a service has started got its signal as well. Who stops them, and in what"
        " order, is the service's business until its grace is over."
    ),
    "again-and-again": (
        "A service got its stop signal several times. You are called again and again: what tells you "
        "that you have said it before?"
    ),
    "too-soon": (
        "A service was killed while it still had time to clean up. From when on does its grace count?"
    ),
    "forgotten": (
        "A service was never told to stop. You are called for each service by itself: what do you "
        "keep in mind, and about which of them?"
    ),
    "never-ends": (
        "A service has ended, and PID 1 goes on waiting for it. Who waits for children in this crate, "
        "and what happens if somebody else is quicker?"
    ),
    "wrong-signal": "The service was told to stop by another signal than the one in its manifest.",
    "never-kills": (
        "A service that ignores its signal runs on after its grace, and keeps PID 1 from ending."
    ),
    "no-cont": (
        "A suspended service never got to act upon its signal: it waits, with the process, until the "
        "process goes on."
    ),
    "second-ignored": "Told to stop a second time, PID 1 waits as before. Somebody is in a hurry.",
}

USER: Mapping[str, str] = {
    **_ALL,
    "still-root": (
        "The service is root, or can be again: the user has three numbers, real, effective and saved "
        "(credentials(7))."
    ),
    "group-of-root": (
        "The service has a group of root's: its GID, or one of its supplementary groups. Some of it "
        "can be changed only while you are root; think of the order."
    ),
    "groups-missing": (
        "The service lacks groups that /etc/group gives its user. Remember that `Command` has ideas "
        "of its own about groups when it is told a UID."
    ),
    "environment": "HOME, USER or LOGNAME are not the user's.",
    "manifest-overruled": (
        "A variable that the manifest sets was replaced. Who writes a manifest has the last word."
    ),
    "unknown-runs": ("The service was started though its user does not exist. As whom does it run now?"),
    "unknown-silent": (
        "The service is not started, and the reason does not name the user that was looked for."
    ),
    "unknown-ends-all": "One service with a wrong user took the others with it.",
    "everybody": ("A process has another user that nobody gave one. In which process does your code run?"),
}

LIMITS: Mapping[str, str] = {
    **_ALL,
    "no-limit": "A service is not bounded by a limit that its manifest has.",
    "another-limit": (
        "A service has another limit than its manifest says. Are units and fields what you took them for?"
    ),
    "soft-only": (
        "Only the soft limit is set. A process may raise that up to the hard one whenever it likes "
        "(setrlimit(2))."
    ),
    "everybody": (
        "PID 1, or a service without limits, is bounded too. In which process does your code run, and"
        " which limits does a child begin with?"
    ),
    "error-ignored": (
        "A limit could not be set, and the service was started without it, or nobody was told. An "
        "error has to come out of your function."
    ),
}

HEALTH: Mapping[str, str] = {
    **_ALL,
    "too-early": ("A service was taken for ready before it was. What exactly makes an answer a good one?"),
    "never-ready": "A service answers well, and is never taken for ready.",
    "any-answer": "A service that answers with an error was taken for well.",
    "only-200": (
        "A good answer was taken for a bad one. Which numbers stand for success or for another place?"
    ),
    "another-path": "The server was asked for something else than the manifest says.",
    "waits": (
        "A question took longer than its timeout. A time limit for each read is none for all of them "
        "together; a command may not end by itself."
    ),
    "left-over": (
        "A process of a probe is left: the command was ended, and what it had started was not; or "
        "nobody has reaped it."
    ),
}

RELOAD: Mapping[str, str] = {
    **_ALL,
    "nothing-happens": (
        "After SIGHUP a manifest was neither taken nor refused. Does your part come to an end with "
        "every manifest?"
    ),
    "refuses-good": "A good manifest was refused.",
    "restarts-all": "A service was restarted that is the same in both manifests.",
    "needless": (
        "A service was restarted for something that its process never sees. Who reads that field: the"
        " process, or the supervisor?"
    ),
    "not-started": "A service that is only in the new manifest does not run.",
    "not-stopped": "A service that is no longer in the manifest runs on.",
    "not-restarted": (
        "A service whose process would be another now was not started anew, or not just once. Go "
        "through the fields one by one."
    ),
    "takes-cycle": "A manifest in which services wait for one another in a circle was taken.",
    "takes-dangling": ("A manifest with a dependency on nobody was taken: that service would wait for ever."),
    "takes-twice": "A manifest with two services of one name was taken.",
    "unnamed": (
        "The reason does not name every service that it is about. Who reads it wants to find the place."
    ),
}
