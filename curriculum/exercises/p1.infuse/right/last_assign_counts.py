"""infuse(target, infusion): one nested value edited by another. The contract is in the notebook."""

MISSING = object()
SUGARS = ["__init", "__default", "__assign", "__prepend", "__append"]


class InfuseError(Exception):
    """A fault of the infusion, and where."""

    def __init__(self, path, message):
        super().__init__(f"at path {'.'.join(path) or '(root)'}: {message}")
        self.path = list(path)


class Sugar:
    """A sugar that waits to be applied."""

    def __init__(self, path, name, value):
        self.path, self.name, self.value = [*path, name], name, value

    def apply(self, now):
        missing = now is MISSING
        if self.name == "__assign":
            return self.value
        if self.name == "__init":
            if not missing:
                raise InfuseError(self.path, "it is there")
            return self.value
        if self.name == "__default":
            return self.value if missing else now
        for kind in (str, list):
            if isinstance(self.value, kind) and (missing or isinstance(now, kind)):
                parts = [kind() if missing else now, self.value]
                first, second = parts if self.name == "__append" else parts[::-1]
                return first + second
        raise InfuseError(self.path, "can not be joined")


def infuse(target, infusion):
    """Lists and sugars become one flat list of steps; those before the last `__assign` are left out."""
    return run([], infusion, target)


def run(path, infusion, now):
    steps = list(flat(path, infusion))
    last = max((i for i, one in enumerate(steps) if getattr(one, "name", "") == "__assign"), default=0)
    for one in steps[last:]:
        if isinstance(one, Sugar):
            now = one.apply(now)
        elif isinstance(one, dict):
            now = edit(path, one, now)
        else:
            now = one(now)
    return now


def flat(path, infusion):
    if isinstance(infusion, list):
        for part in infusion:
            yield from flat(path, part)
    elif isinstance(infusion, dict) and any(name.startswith("__") for name in infusion):
        if not set(infusion) <= set(SUGARS):
            raise InfuseError(path, "mixed, or unknown")
        for name in sorted(infusion, key=SUGARS.index):
            yield Sugar(path, name, infusion[name])
    elif isinstance(infusion, dict) or callable(infusion):
        yield infusion
    else:
        raise InfuseError(path, "neither function, list nor dict")


def edit(path, infusion, target):
    if not isinstance(target, dict):
        raise InfuseError(path, "the target is no dict")
    result = target.copy()
    if silent(infusion):
        return result
    for name, part in infusion.items():
        if silent(part):
            part = {}
        first = part
        while isinstance(first, list) and first:
            first = first[0]
        plain = isinstance(first, dict) and not any(inner.startswith("__") for inner in first)
        result[name] = run([*path, name], part, target.get(name, {} if plain else MISSING))
    return result


def silent(infusion):
    """Whether it says nothing: a dict of dicts of … nothing."""
    if not isinstance(infusion, dict):
        return False
    return all(not name.startswith("__") and silent(part) for name, part in infusion.items())
