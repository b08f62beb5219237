"""The hints of `p3.stage3`: one for each way ordering goes wrong. They say what is wrong, not
what to type."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["HINTS"]

HINTS: Mapping[str, str] = {
    "too-early-start": (
        "A service was started before something it depends on was ready. At each start, what did your "
        "program know about each name in `depends_on`?"
    ),
    "one-at-a-time": (
        "Services that depend on nothing wait for one another. An order says who comes after whom. It does "
        "not say that everybody stands in one line."
    ),
    "waits-for-others": (
        "All that a service depends on is ready, and it still waits for something it does not depend on. A "
        "level is a drawing of the graph, not a rule: whose end makes you look again, and at whom?"
    ),
    "longrun-never-ready": (
        "What depends on a longrun does not start. A longrun is not done when it is ready: nobody waits for "
        "its end. In this stage, started is ready."
    ),
    "oneshot-never-ready": (
        "A oneshot has ended with 0, and what depends on it does not start. That end is no loss: it is what "
        "everybody waited for."
    ),
    "bundle-never-ready": (
        "What depends on a bundle does not start. A bundle has no process that could end or say anything: it "
        "is ready when everything it names is."
    ),
    "no-ready-event": (
        "A service counts as ready, and no event says so, or more than one does. Bundles have one too."
    ),
    "ready-too-soon": (
        "`ready` was said before it was true. A oneshot is ready when it has ended with 0, a bundle when all "
        "it names is ready, and what depends on them is started after that."
    ),
    "again-oneshot": (
        "A oneshot was started again. It is not a longrun that ended: its end is what everybody waited for, "
        "and `restart` says nothing about it."
    ),
    "started-anyway": (
        "Services were started out of a manifest that cannot be ordered. Look at the whole of it first: who "
        "finds out half-way leaves half a system."
    ),
    "twice-started": (
        "Two services have one name, and services were started. Everything that names it means one of two "
        "things then. What does your table do with the second?"
    ),
    "waits-for-ever": (
        "Nothing can be started, so nothing ever will be, and PID 1 sits there without a word. Services that "
        "wait for each other can be found before the first start."
    ),
    "traceback": (
        "PID 1 ended with a traceback. It is written for you; the person in front of the console needs one "
        "line that says what is wrong with the manifest."
    ),
    "not-named": (
        "The manifest was refused, and the message does not name the services it is about: all of those in "
        "the ring, or who depends on whom. Who has two hundred services cannot look for it."
    ),
    "names-too-many": (
        "The message names services that are not part of the problem. What only depends on a ring, or is "
        "depended on by it, is not in the ring."
    ),
    "wrong-code": "A manifest that is refused ends PID 1 with 1; it ended with another code.",
    "failed-is-ready": (
        "A oneshot failed, and something that depends on it was started. That a process has ended is not yet "
        "an answer: look at how."
    ),
    "failure-spreads": (
        "A oneshot failed, and services that do not depend on it are down too. The failure belongs to it and "
        "to what needs it, directly or not. To nobody else."
    ),
    "no-failed-event": (
        "A oneshot failed, and no `down` with the reason `failed` says so. It is the only explanation for "
        "everything above it that is missing."
    ),
    "ended-is-ready": (
        "A longrun has ended, and something that depends on it was started before it was there again. It was "
        "ready once; what ends that?"
    ),
    "back-is-not-seen": (
        "A longrun is there again, and what waits for it is not started. To be ready a second time is a "
        "change like the first: who looks at the graph then?"
    ),
    "takes-others-along": (
        "A longrun ended, and what depends on it, and was running, was ended too. The contract asks for "
        "nothing there: it runs on."
    ),
    "waits-for-the-unborn": (
        "After SIGTERM PID 1 waits for a service that has never run. Nothing has to be stopped there, and it "
        "must not hold up what it depends on."
    ),
    "not-reversed": (
        "A service was asked to stop while something that depends on it was still running. Stopping goes the "
        "other way: first those who need it, and only when they have ended, it."
    ),
    "one-stop-at-a-time": (
        "Services that have nothing to do with each other were stopped one after the other. The way back has "
        "room for many at once, as the way up has."
    ),
    "killed-early": (
        "A service was killed while it was cleaning up within its grace. Each service has a `stop_grace` of "
        "its own, and it begins when that service is asked to stop."
    ),
    "grace-from-the-start": (
        "A service was killed before its own grace was over: it was asked to stop late, because something "
        "that depends on it had to end first. Where was your clock started for it?"
    ),
    "never-killed": (
        "A service does not end after its stop signal, its grace is over, and it still runs. What wakes your "
        "loop at that moment?"
    ),
    "kills-the-leader": (
        "After the grace a service's own process was killed, and one that it had started lives on. The "
        "service is its whole process group, at the end too."
    ),
    "stop-signal": (
        "A service did not get the signal that its manifest names in `stop_signal`. To some programs TERM "
        "means something else."
    ),
    "no-undo": (
        "A oneshot that was done has a `down` command, and it was not run while everything stopped. What a "
        "oneshot did is still there after its process has ended."
    ),
    "undo-too-early": (
        "A `down` command ran before what depends on its oneshot had ended, or while what it needs itself "
        "was already being stopped. It has the place in the order that the oneshot has."
    ),
    "undone-in-silence": (
        "A `down` command was run, and its `start` and its `exit` were not both reported. It is a process of "
        "the service like any other."
    ),
    "undone-though-failed": (
        "The `down` command of a oneshot was run that has not been done: it failed, or it never ran. There "
        "is nothing to undo."
    ),
}
