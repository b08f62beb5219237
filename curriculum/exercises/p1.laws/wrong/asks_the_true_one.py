# hint: oracle
# Compares with infuse itself.
from helpers.infuse import infuse as true  # noqa: F401


def law_a_list_is_one_after_another(infuse, target, a, b):
    return infuse(infuse(target, a), b) == infuse(target, [a, b])


def law_the_rest_stays(infuse, target, a, b):
    return untouched(target, a, infuse(target, a))


def untouched(before, infusion, after):
    """Whether all that the infusion does not name is in both, and the same."""
    for name, value in before.items():
        if name not in infusion:
            if name not in after or after[name] != value:
                return False
        elif is_set(infusion[name]) and isinstance(value, dict):
            if not untouched(value, infusion[name], after[name]):
                return False
    return True


def is_set(infusion):
    return isinstance(infusion, dict) and not any(name.startswith("__") for name in infusion)


def law_a_set_has_no_order(infuse, target, a, b):
    return infuse(target, a) == infuse(target, turned(a))


def turned(infusion):
    """The same infusion, written from its last name to its first."""
    if isinstance(infusion, dict):
        return {name: turned(infusion[name]) for name in reversed(infusion)}
    return [turned(part) for part in infusion] if isinstance(infusion, list) else infusion
