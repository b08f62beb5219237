# hint: prunes-values
# Prunes the values of sugars as well.
"""infuse(target, infusion): one nested value edited by another. The contract is in the notebook."""

MISSING = object()
SUGARS = ["__init", "__default", "__assign", "__prepend", "__append"]


class InfuseError(Exception):
    """A fault of the infusion, and where."""

    def __init__(self, path, message):
        super().__init__(f"at path {'.'.join(path) or '(root)'}: {message}")
        self.path = list(path)


def infuse(target, infusion):
    """The target, edited."""
    return step([], prune(infusion), lambda: target)


def step(path, infusion, before):
    """`before` is a function that gives the target: whoever does not need it does not call it."""
    if callable(infusion):
        return infusion(before())
    if isinstance(infusion, list):
        for part in infusion:
            before = later(step, path, part, before)
        return before()
    if not isinstance(infusion, dict):
        raise InfuseError(path, f"invalid type {type(infusion).__name__}")
    if has_sugars(infusion):
        return sugars(path, infusion, before)
    return attributes(path, infusion, before())


def attributes(path, infusion, target):
    if not isinstance(target, dict):
        raise InfuseError(path, f"attempted to infuse a dict to a target of type {type(target).__name__}")
    result = dict(target)
    for name, part in infusion.items():
        now = target[name] if name in target else start(part)
        result[name] = step([*path, name], part, lambda now=now: now)
    return result


def sugars(path, infusion, before):
    if not all(name.startswith("__") for name in infusion):
        raise InfuseError(path, "sugars and other names in one dict")
    if unknown := [name for name in infusion if name not in SUGARS]:
        raise InfuseError(path, f"no such sugar: {unknown[0]}")
    for name in SUGARS:
        if name in infusion:
            before = later(sugar, [*path, name], infusion[name], before)
    return before()


def sugar(path, value, before):
    name = path[-1]
    if name == "__assign":
        return value
    now = before()
    if name == "__init" and now is not MISSING:
        raise InfuseError(path, f"the attribute is there, value={now!r}")
    if name in ("__init", "__default"):
        return value if now is MISSING else now
    if not isinstance(value, (str, list)):
        raise InfuseError(path, f"unsupported type {type(value).__name__}")
    if now is MISSING:
        now = type(value)()
    if type(value) is not type(now):
        raise InfuseError(path, f"{type(value).__name__} joined to {type(now).__name__}")
    return value + now if name == "__prepend" else now + value


def start(part):
    """What a missing attribute is taken for."""
    if isinstance(part, list) and part:
        return start(part[0])
    return {} if isinstance(part, dict) and not has_sugars(part) else MISSING


def prune(infusion):
    if isinstance(infusion, list):
        return [prune(part) for part in infusion]
    if not isinstance(infusion, dict):
        return infusion
    if has_sugars(infusion):
        return {name: without_empty(value) for name, value in infusion.items()}
    if leafless(infusion):
        return {}
    return {name: prune(part) for name, part in infusion.items()}


def without_empty(value):
    if not isinstance(value, dict):
        return value
    return {name: without_empty(part) for name, part in value.items() if not leafless(part)}


def leafless(infusion):
    return isinstance(infusion, dict) and not has_sugars(infusion) and all(map(leafless, infusion.values()))


def has_sugars(infusion):
    return any(name.startswith("__") for name in infusion)


def later(function, path, part, before):
    return lambda: function(path, part, before)
