"""The hints of `p1.sixos`, one for each way an analysis goes wrong: what is wrong, not what is right."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["HINTS"]

HINTS: Mapping[str, str] = {
    "does-not-load": (
        "Python could not load the file. The table has the message and the line. Only Python's own "
        "library is there when it is graded; the graph comes as an argument."
    ),
    "lacking": ("Something that the contract names is not in the file: four functions, and three tables."),
    "raises": (
        "A function ended with an exception. The table has the graph's part and the line; `graph` is what "
        "sixos.graph() gives, with other names in it."
    ),
    "endless": ("A question was never answered. What has been looked at once need not be looked at again."),
    "changes": (
        "A function changed the graph that it was given, and the next question is asked of that graph. "
        "Sets made from its lists are yours; the lists are not."
    ),
    "census": (
        "A count is not right. Each target has one kind, and the loggers are not among the targets: which "
        "of them get one?"
    ),
    "before": (
        "A `before` was left as it is, or lost. In the database of s6-rc there is only one direction: who "
        "gets the edge?"
    ),
    "no-loggers": (
        "A longrun's logger is a longrun too, with a name made of its producer's. It is not in the edges."
    ),
    "no-logger-wanted": (
        "Not every longrun gets a logger: there is a value that says so. Some that asked for none have one."
    ),
    "producer": (
        "The logger is there, and its producer does not wait for it. s6-rc-compile gives a producer one "
        "dependency more: where would its output go?"
    ),
    "logger-waits": (
        "The loggers do not wait for what they should. There are two sorts of them, and the graph says "
        "what each comes after."
    ),
    "edges": (
        "The edges are not those of the database. The table has one target of which they differ: follow "
        "its `after`, then who says `before` it."
    ),
    "direct": ("What a service waits for waits for something itself. Some of that is not in the answer."),
    "bundle-counted": (
        "A bundle is among the services that have to be up. It is a name: s6-rc puts in its place what it "
        "holds."
    ),
    "bundle-opaque": (
        "A dependency on a bundle ended at the bundle. It is met when everything in it is up, and what is "
        "in it has dependencies too."
    ),
    "itself": ("A service is among those that have to be up before it. Then it would never start."),
    "needs": ("Something is in the answer that need not be up, or is missing from it. The table names one."),
    "idle": (
        "What `default` brings up is what it holds, and all that this needs. Something is on the wrong "
        "side of that line: a logger, a bundle, a service that is only needed?"
    ),
    "open": (
        "A question, a feature or a sentence has no answer yet, or one of another form than the comments of "
        "the starter say."
    ),
    "no-such": (
        "An answer, a class or a fact is cited that does not exist. The course's tables have the keys; "
        "sixos.facts has the facts."
    ),
    "beside": (
        "A fact is cited that says nothing about the question. It may be true: evidence is what would be "
        "different if the answer were another."
    ),
    "thin": (
        "The evidence bears on the question, and covers only a part of it. A question with two or three "
        "parts wants something for each."
    ),
    "against": (
        "An answer does not follow from the facts cited for it. Read them once more, and then all four "
        "answers."
    ),
    "map-evidence": (
        "A feature cites a fact that does not speak of it. Search the facts for what SixOS does there, or "
        "for the statement that it does nothing."
    ),
    "map-building": (
        "A class among the features of *building* is not borne out. The three classes have a definition "
        "each: hold every feature against all three."
    ),
    "map-running": (
        "A class among the features of *running* is not borne out. Does what a NixOS machine says there "
        "still have a meaning here; and could it say that at all?"
    ),
    "map-switching": (
        "A class among the features of *switching* is not borne out. Which of them does a user of NixOS "
        "know, under this name or doing the same?"
    ),
    "map-people": (
        "A class among *people and logs* is not borne out. That something takes a thing's place does not "
        "yet mean that it does the same."
    ),
    "refuted": (
        "A fact is put against a sentence that it does not contradict. Look for what would have to be read "
        "where, were the sentence true, and for what is there."
    ),
}
