"""The hints of `p0.order`: one for each way an ordering goes wrong. They say what is wrong, not what to
type."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["GENERAL", "ORDER_HINTS"]

ORDER_HINTS: Mapping[str, str] = {
    "does-not-load": (
        "Python could not load the file. The table has the message and the line. Only Python's own "
        "library is there when it is graded."
    ),
    "lacking": (
        "Something the contract names is not in the file. `order` and `levels` are functions that take "
        "one graph; `Missing` and `Cycle` stand in the cell as they are given, and stay there."
    ),
    "raises": (
        "An exception nobody asked for, for a graph that can be ordered. The table has the graph and the "
        "line: call your function with exactly this graph in a cell, and look."
    ),
    "returns-nothing": (
        "The function ended without returning anything, so Python returned None. Does each way through it "
        "end with a `return` or a `raise`?"
    ),
    "not-a-list": "The answer is not of the kind the contract names: `order` gives a list of names.",
    "empty-graph": (
        "A graph without any service has an order as well, and levels: empty ones. What does your code "
        "take for granted about the first service?"
    ),
    "ended": "Python itself ended while it computed: it ran out of stack or of memory, or was told to exit.",
    "endless": (
        "It never came to an end for a graph that can be ordered. Each round of a loop has to bring it "
        "closer to the end: what does yours do in a round in which nothing becomes free?"
    ),
    "recursion": (
        "A function that calls itself for each dependency goes one call deeper with each, and Python "
        "allows about a thousand. A real boot has chains longer than you think; a list of what is still "
        "to be visited has no such limit."
    ),
    "reversed": (
        "The order is the other way round: what is needed comes after what needs it. An arrow `app → "
        "redis` says that app *depends on* redis: then redis starts first."
    ),
    "wrong-order": (
        "A service stands before something it depends on. It may start only when *all* it depends on have "
        "been placed; one of them is not enough, and the order they were written in says nothing."
    ),
    "loses": (
        "Some services are not in the answer. Each service of the graph is in it once: also those that "
        "others depend on, and those that nobody does."
    ),
    "drops-islands": (
        "A service that depends on nothing, and that nothing depends on, is not in the answer. It is to "
        "be started like all others. Your code seems to look at dependencies, and this one has none."
    ),
    "twice": (
        "A service stands in the answer more than once. Two others may depend on it: it is started once "
        "all the same."
    ),
    "invented": "There are names in the answer that are no services of the graph.",
    "false-cycle": (
        "A cycle was reported, and there is none. Two ways that meet in one service are no cycle: one has "
        "to come back to a service that it is still on the way from."
    ),
    "false-missing": "A missing name was reported, and it is there: as a service of the graph.",
    "levels-flat": (
        "`levels` gives a list of groups, and each group is a list of names: those that can start at the "
        "same time."
    ),
    "levels-empty": "One of the groups is empty. Nobody would be started in it.",
    "levels-reversed": (
        "The groups are the other way round: the first one holds the services that depend on nothing."
    ),
    "levels-too-early": (
        "A service is in the same group as something it depends on, or before it. It has to wait for the "
        "*last* of its dependencies: the longest way down counts, not the shortest."
    ),
    "levels-too-late": (
        "The order is kept, but a service waits longer than it must: all it depends on is there, and it "
        "is in a later group than the next. Then less is started at the same time than could be."
    ),
    "repeated": (
        "A dependency that is written twice is one dependency. When you count what a service still waits "
        "for, and count the same name twice, how often is it taken off?"
    ),
    "missing-ignored": (
        "A service depends on a name that is not in the graph, and nobody was told. At boot this is found "
        "out when it is too late: say it now."
    ),
    "missing-as-cycle": (
        "A name that is not there was reported as a cycle. Both leave a service waiting for ever, but the "
        "mend is another: look for missing names before you wonder who waits for whom."
    ),
    "missing-key-error": (
        "Python's own KeyError came out. It is right that the name is not there; whoever wrote the "
        "dependency has to be told which service asks for it."
    ),
    "missing-swapped": (
        "`Missing` takes the service that depends first, and the name that is not there second."
    ),
    "missing-wrong": "`Missing` was raised with names that are not the service and what it lacks.",
    "cycle-ignored": (
        "The graph has a cycle, so no order exists, and an answer was given. A service for which the turn "
        "never comes is easily lost without a sound: count what you have placed."
    ),
    "self-dependency": (
        "A service that depends on itself waits for itself: this is the shortest cycle there is. Its path "
        "has two names, the same one twice."
    ),
    "endless-on-cycle": (
        "With a cycle in the graph it never ends: it follows the arrows round and round, or waits for a "
        "service that will never be free. Remember where you have been, and notice a round in which "
        "nothing has changed."
    ),
    "recursion-on-cycle": (
        "With a cycle in the graph the function calls itself until Python stops it. On the way down, "
        "remember who is being visited: meeting one of them again *is* the cycle."
    ),
    "cycle-other-error": (
        "The cycle was noticed, and told with another exception than `Cycle`. Whoever calls `order` waits "
        "for that one, with the path."
    ),
    "path-missing": "`Cycle` was raised without a path of names of the graph.",
    "path-open": (
        "The path is a cycle, but its end is not said: the name it began with stands once more at its "
        "end, as in `app, redis, app`."
    ),
    "path-backwards": (
        "The path runs against the arrows. In it each name *depends on* the next one: read it aloud as "
        "“app needs redis, redis needs …”."
    ),
    "path-with-tail": (
        "The path leads into the cycle from outside. Whoever depends on a cycle without being on it is "
        "not at fault: cut off what comes before the first name that is met again."
    ),
    "path-twice": "The path passes a service more than once. A shorter cycle is in it: tell that one.",
    "not-a-path": (
        "The names reported are no path. What is left over when nothing can be placed any more is the "
        "cycle, *and* all that waits for it, in no order. Start from one of them and follow what it waits "
        "for, until you meet somebody again."
    ),
    "changes-the-graph": (
        "The graph is another one after the call. It belongs to whoever called: a second question about "
        "it gets a wrong answer. Work on a copy, and mind that the lists in it are not copied with it."
    ),
    "differs-each-time": (
        "The same graph got another order when Python was started again. A set of names is walked in an "
        "order that changes with each start. A boot should not."
    ),
    "slow": (
        "It is right, and takes too long for a large graph. Which step looks through all services again, "
        "or searches a list, for each service? A dictionary finds a name at once, and a count of what is "
        "still missing needs no search."
    ),
}

# Where an answer goes wrong in several of these ways, the last one says it: the others are its special cases.
GENERAL: tuple[str, ...] = (
    "self-dependency",
    "path-open",
    "path-backwards",
    "path-twice",
    "path-with-tail",
    "levels-empty",
    "levels-reversed",
    "levels-too-late",
    "levels-too-early",
    "reversed",
    "drops-islands",
    "empty-graph",
    "not-a-path",
    "cycle-ignored",
    "wrong-order",
    "loses",
)
