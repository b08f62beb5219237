"""Pairs, and sets that grow; other evidence."""


def census(graph):
    count = {"longrun": 0, "oneshot": 0, "bundle": 0, "logger": 0}
    for one in graph["targets"].values():
        count[one["kind"]] += 1
        if one["logger"]:
            count["logger"] += 1
    return count


def edges(graph):
    """As pairs first: who waits, and for whom."""
    targets, loggers = graph["targets"], graph["loggers"]
    pairs = [(name, other) for name, one in targets.items() for other in one["after"]]
    pairs += [(other, name) for name, one in targets.items() for other in one["before"]]
    logged = {name: one["logger"] for name, one in targets.items() if one["logger"]}
    pairs += [(name, f"{name}-log") for name in logged]
    pairs += [(f"{name}-log", other) for name, sort in logged.items() for other in loggers[sort]]
    names = [*targets, *(f"{name}-log" for name in logged)]
    return {name: sorted({other for who, other in pairs if who == name}) for name in names}


def closure(graph):
    """Every name's whole set, grown until nothing grows."""
    reach = {name: set(found) for name, found in edges(graph).items()}
    grown = True
    while grown:
        grown = False
        for found in reach.values():
            more = set().union(*(reach[one] for one in found)) - found
            if more:
                found |= more
                grown = True
    return reach


def atomic(graph, names):
    kinds = {name: one["kind"] for name, one in graph["targets"].items()}
    return [name for name in names if kinds.get(name, "longrun") != "bundle"]


def needs(graph, name):
    return atomic(graph, closure(graph)[name])


def idle(graph):
    reach = closure(graph)
    return set(atomic(graph, set(reach) - reach["default"]))


# Question: (the answer's key, the facts that it follows from).
ANSWERS = {
    "without-systemd": ("replaced", ["F16", "F30"]),
    "infuse": ("edit", ["F34", "F44", "F58"]),
    "modules": ("rewritten", ["F49", "F58"]),
    "timers-sockets-logs": ("logs", ["F40", "F39", "F38", "F13"]),
    "cgroups-users-slices": ("none", ("F42", "F41", "F43")),
    "ownerboot": ("below", ["F48", "F28"]),
}

# Sentence that is told of SixOS: the fact against it.
REFUTED = {
    "january": "F61",
    "variant": "F49",
    "infuse-activates": "F16",
    "atomic": "F17",
    "derivation": "F10",
    "stages": "F23",
    "strings": "F62",
    "rollback": "F45",
    "vm": "F55",
    "nginx": "F63",
}

# Feature: (class, the fact that says so).
FEATURES = {
    "packages": ("preserved", "F60"),
    "overlays": ("preserved", "F31"),
    "options": ("breaks", "F44"),
    "closure": ("preserved", "F50"),
    "cycles": ("new", "F16"),
    "units": ("breaks", "F02"),
    "instances": ("new", "F37"),
    "infusion": ("new", "F34"),
    "sockets": ("breaks", "F40"),
    "timers": ("breaks", "F39"),
    "generations": ("preserved", "F17"),
    "rollback": ("preserved", "F17"),
    "dry-activate": ("preserved", "F19"),
    "rebuild": ("breaks", "F45"),
    "fallbackboot": ("new", "F21"),
    "journal": ("breaks", "F14"),
    "user-services": ("breaks", "F41"),
    "slices": ("breaks", "F42"),
    "sessions": ("breaks", "F43"),
    "system-links": ("preserved", "F18"),
}
