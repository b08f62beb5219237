"""infuse(target, infusion): one nested value edited by another. The contract is in the notebook."""

MISSING = object()
SUGARS = ["__init", "__default", "__assign", "__prepend", "__append"]


class InfuseError(Exception):
    """A fault of the infusion, and where."""

    def __init__(self, path, message):
        super().__init__(f"at path {'.'.join(path) or '(root)'}: {message}")
        self.path = list(path)


def infuse(target, infusion):
    """An infusion is compiled to a function of the target, and that is called."""
    made = compiled((), infusion)
    return ({} == made and compiled_set((), {}) or made)(lambda: target)


def compiled(path, infusion):
    """A function from a way to get the target to the result; {} for a set without a leaf."""
    if callable(infusion):
        return lambda before: infusion(before())
    if isinstance(infusion, list):
        return chain([compiled(path, part) or compiled_set(path, {}) for part in infusion])
    if not isinstance(infusion, dict):
        return failing(path, "invalid type")
    kinds = {name[:2] == "__" for name in infusion}
    if kinds == {True, False}:
        return failing(path, "mixed")
    if kinds == {True}:
        if set(infusion) - set(SUGARS):
            return failing(path, "no such sugar")
        return chain([sugar((*path, name), infusion[name]) for name in SUGARS if name in infusion])
    parts = {name: compiled((*path, name), part) for name, part in infusion.items()}
    if not any(parts.values()):
        return {}
    begin = {name: start(part) for name, part in infusion.items()}
    full = {name: part or compiled_set((*path, name), {}) for name, part in parts.items()}
    return compiled_set(path, full, begin)


def compiled_set(path, parts, begin=None):
    def run(before):
        target = before()
        if not isinstance(target, dict):
            raise InfuseError(path, "not a dict")
        edited = {name: part(given(target.get(name, begin[name]))) for name, part in parts.items()}
        return {**target, **edited}

    return run


def start(part):
    while isinstance(part, list) and part:
        part = part[0]
    return {} if isinstance(part, dict) and not any(name[:2] == "__" for name in part) else MISSING


def chain(steps):
    def run(before):
        for step in steps:
            before = bound(step, before)
        return before()

    return run


def bound(step, before):
    return lambda: step(before)


def given(value):
    return lambda: value


def failing(path, message):
    def run(before):
        raise InfuseError(path, message)

    return run


def sugar(path, value):
    def init(before):
        if before() is not MISSING:
            raise InfuseError(path, "it is there")
        return value

    def default(before):
        now = before()
        return value if now is MISSING else now

    def pend(before):
        now = before()
        if type(value) not in (str, list) or (now is not MISSING and type(now) is not type(value)):
            raise InfuseError(path, "of another kind")
        now = type(value)() if now is MISSING else now
        return now + value if path[-1] == "__append" else value + now

    return {"__init": init, "__default": default, "__assign": lambda before: value}.get(path[-1], pend)
