"""The hints of `p1.overrides`: one for each way an override goes astray."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["HINTS"]

HINTS: Mapping[str, str] = {
    "no-syntax": "Nix cannot read the file. The table has the place.",
    "lacking": (
        "The file is an attribute set with two functions, `rewrite` and `extend`. Each takes a set of names, "
        "of which it may ignore some (`...`), and gives an infusion."
    ),
    "fails": "Nix ends with an error. The table has its words; `%%nix` shows where it comes from.",
    "time": "An evaluation never came to an end. What needs itself there?",
    "recursion": (
        "A value needs itself. In an overlay `final.x` is what x will be in the end: an x that is made from "
        "`final.x` never begins. The x from before is `prev.x`."
    ),
    "function": (
        "There is a function in `rewrite`: it does by hand what a sugar on the path would do. Go through the "
        "nested override from the outside; each function in it has its sugar."
    ),
    "names-by-heart": (
        "The names of the lab's own set are in it. The check uses other ones: they come as arguments, and "
        "`${interpreter}` is an attribute whose name is in a variable."
    ),
    "data-as-leaf": (
        "A value stands where an infusion is expected. infuse wants to hear what is to be done with it."
    ),
    "into-a-derivation": (
        "The path goes into a package as if it were a plain set. A package is a result. Behind it are "
        "arguments and attributes, and a sugar leads to each."
    ),
    "no-input": (
        "Nothing has changed but one thing: there is an attribute `packageOverrides` now, which nobody "
        "reads. It is an *argument* of the interpreter. What leads to arguments?"
    ),
    "no-change": "The package is what it was before. Does the path lead to it?",
    "half-done": "Some of the three changes to the package are not made.",
    "loses-siblings": (
        "Other variables in `env` are gone: the set was replaced by a smaller one. Go one step further down "
        "with the path before you assign."
    ),
    "replaces-list": "The patches from before are gone. The override adds one to those that are there.",
    "overlay-order": (
        "Somebody had set LIFETIME before, and still wins: your overlay comes before theirs. Look at the "
        "order of the two arguments of composeExtensions, and at which sugar puts an overlay where."
    ),
    "result-not-input": (
        "The package has changed, and what depends on it still holds the old one. You have changed what "
        "came out of the fixpoint. What goes into it is the overlay."
    ),
    "drops-earlier": (
        "What somebody else had overridden before is lost: their overlay was replaced by yours. Both have to "
        "be there, one after the other."
    ),
    "touches-others": "Something else has changed, too. The table says what.",
    "too-eager": (
        "A package that is broken was looked at, although nobody asked for it. To find a package by its "
        "name one need not look at the others."
    ),
    "on-the-result": (
        "Whoever overrides the interpreter after you has it made anew from its arguments, and what you put "
        "into the result is lost. What shall last has to go into an argument."
    ),
    "wrong-set": "The new packages are not in the interpreter's set, but beside it.",
    "not-added": "One of the new packages is not there under its name. Names come from the arguments.",
    "wrong-version": "A new package has another version than the one asked for.",
    "no-dependency": "The new package has other inputs than the one that was asked for.",
    "prev-not-final": (
        "When somebody changes the package after `extend`, as `rewrite` does, the new packages still hold it "
        "as it was in between. Look at the end of the story, not at what lies before you."
    ),
    "copies": (
        "The variant is not what the package is, but for its version. A copy has to be kept up by hand, and "
        "misses what others change. Derive it from the package."
    ),
}
