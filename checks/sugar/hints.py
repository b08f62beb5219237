"""The hints of `p1.sugar`: one for each way a sugar goes wrong."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["HINTS"]

HINTS: Mapping[str, str] = {
    "no-list": (
        "The file is a function of `{ default-sugars, desugar, ... }` and gives a list of sets, each with a "
        "`name` and a `value`. Nix's own words are in the table."
    ),
    "not-there": "No sugar of the list is called `__unique-append`.",
    "lost-sugars": (
        "infuse knows only the sugars of the list it is given, and yours has lost some of its own. What is "
        "`default-sugars` for?"
    ),
    "endless": (
        "The evaluation has no end: something needs itself. `desugar` knows the whole list, and your own "
        "sugar is in it; and a function that calls itself needs a case in which it does not."
    ),
    "fails": "An ordinary case ends with an error. The table has the case and Nix's words.",
    "effect": "What comes out is not the target's items followed by the new ones. The table has both lists.",
    "order": (
        "The right items in another order. The target's come first, and each stands where it was seen first; "
        "a set's attributes have no order but that of their names."
    ),
    "repeats-argument": (
        "An item that stands twice in what is appended comes out twice. Each item has to be looked for in "
        "all that stands before it, what you have just added included."
    ),
    "repeats-target": (
        "An item that stood twice in the target still does. Nothing has to be appended for the result to "
        "have each item once."
    ),
    "kinds": (
        'Items that differ were taken for one, or the other way round: 1 and "1", 1 and 1.0, two sets. Which '
        "operator of Nix says that two values are equal, whatever they are?"
    ),
    "marker": (
        "Where the target has no such attribute, your sugar met the missing-attribute-marker. It is a list "
        "with something in it that fails when it is looked at, so isList is no protection. Say what stands "
        "for a missing attribute: a sugar does, or `__default_argument`."
    ),
    "null": "null is a value that is there, and no list. Only an attribute that is missing counts as [ ].",
    "accepts-argument": (
        "What is appended was no list, and your sugar took it. Where an argument is wrong, say so."
    ),
    "accepts-target": "The target was no list, and your sugar took it. Its value is lost, or something odd.",
    "no-path": (
        "An error comes, and does not say where. `path` is what your sugar is told of its place: a list of "
        "names. An error of Nix, or of another sugar that you desugar, does not know it."
    ),
    "position": (
        "Beside other sugars in one set yours is at the wrong moment. infuse applies them in the order of "
        "the list; where in the list does yours stand?"
    ),
    "below": "At the end of a list of infusions, or below `__infuse`, it does something else than alone.",
    "others": (
        "A sugar that infuse had before gives something else now. Change none of them: add one of your own."
    ),
}  # fmt: skip
