"""The hints of `p1.infuse`: one for each rule that is easily got wrong."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["HINTS"]

HINTS: Mapping[str, str] = {
    "does-not-load": "Python could not load the file. The table has the message and the line.",
    "lacking": (
        "`infuse` is a function of two arguments, `InfuseError` an exception. Both names stand in the "
        "starter."
    ),
    "endless": (
        "A call never came to an end. Each call of your function should get a smaller part of the infusion."
    ),
    "ended": "Python itself ended during a call: it ran out of stack or memory, or was told to exit.",
    "returns-nothing": (
        "The function ended without a `return`, so Python returned None. Which kind of infusion was that?"
    ),
    "raises": (
        "An exception nobody asked for, for a call that has a value. Call your function with exactly this "
        "in a cell."
    ),
    "refuses": (
        "InfuseError for a call that has a value. Which rule do you think it breaks? Read that one again."
    ),
    "differs": ("The result is another one. Take the infusion apart until a part of one rule only is left."),
    "changes-its-input": (
        "The target, or the infusion, is another one after the call. An edit gives a new value; whoever "
        "has the old one keeps it. Which dict or list do you write into?"
    ),
    "clobbers": (
        "Attributes of the target that the infusion does not name are lost. The result begins as all of "
        "the target, and only what is named changes."
    ),
    "shallow": (
        "One level down the neighbours are lost: that is what Nix's `//` does. The edit of an attribute "
        "set inside another one is an edit of what is *there*, too."
    ),
    "right-to-left": (
        "The steps of a list were taken from the last to the first. What the first gives goes into the "
        "second."
    ),
    "textual-order": (
        "Sugars were applied in the order they are written in. A Nix attribute set has no order: they "
        "have a fixed one, which the contract gives."
    ),
    "null-is-missing": (
        "An attribute that is there and is None was taken for one that is missing. None is a value, and "
        "somebody chose it. Ask whether the name is there, not what is there."
    ),
    "missing-is-empty": (
        "A missing attribute became `{}` before something that is no attribute set looked at it. `{}` is "
        "for plain attribute sets; functions and sugars get MISSING."
    ),
    "no-pruning": (
        "An attribute set without a leaf made attributes that nobody asked for, or was refused. A set "
        "whose every value is a set without a leaf is `{}`. That is found out before anything is applied."
    ),
    "drops-empty": (
        "A `{}` beside an attribute with a leaf was left out. Pruning makes a set without a leaf `{}`; it "
        "does not remove it from a set that has a leaf elsewhere, and there it is applied like others."
    ),
    "prunes-values": ("The value of a sugar was pruned. It is data: an empty attribute set in it is meant."),
    "assign-infuses": (
        "The value of `__assign` was used as an infusion. It is data, and is put there as it is, names "
        "with `__` and all."
    ),
    "init-on-present": (
        "`__init` is for what is missing. What is there already makes it an error; `__default` leaves it."
    ),
    "prepend-at-end": "`__prepend` put its value behind what was there. Before it is where it belongs.",
    "append-any-kind": (
        "Values of different kinds were joined. A text is joined to a text and a list to a list; a text "
        "appended to a list is an error, not one more element."
    ),
    "append-same-kind": (
        "Two values of one kind were joined that are neither texts nor lists. Is it enough that they are of "
        "the same kind? What else has to be so of the value, also where the attribute is missing?"
    ),
    "data-as-leaf": (
        "A leaf that is neither function nor list nor attribute set was taken over as the new value. It "
        "is an error: to put data there is what `__assign` is for."
    ),
    "mixing": (
        "Sugars and other names in one attribute set are an error: is `log` an attribute of the new "
        "value, or of the old one? Nobody could know."
    ),
    "unknown-sugar": (
        "A name with `__` that is no sugar went by unnoticed. It is a slip of the pen, and an error."
    ),
    "swallows": (
        "There is a fault, and a value came back as if there were none. An edit that was not done has to "
        "be heard of, also when it was a function that failed. What do you catch, and why?"
    ),
    "eager": (
        "A step was run although an `__assign` after it throws away what it gives, and it failed. In Nix "
        "nobody would have computed it. What if each step got a way to ask for what was before, and not "
        "the value?"
    ),
    "no-path": (
        "The error does not say where. In a hundred services `invalid type int` is no help: hand the path "
        "down with each attribute, and put it into the error."
    ),
    "sugar-not-in-path": "The path of an error that a sugar noticed ends with the sugar's own name.",
    "wrong-path": (
        "The path of the error is another one. It is a list of attribute names from the root down; "
        "positions in lists are not in it."
    ),
    "other-error": (
        "Python's own exception came out for a fault of the infusion. Whoever wrote it has to hear where "
        "it is: look before you leap, and raise InfuseError with the path."
    ),
}
