# The same subjects in other words, and four of them.
def law_pipeline(infuse, target, a, b):
    once = infuse(target, [a])
    return infuse(target, [a, [], b]) == infuse(once, b) == infuse(target, [[a], [b]])


def flat(value, path=()):
    if not isinstance(value, dict) or not value or any(str(name).startswith("__") for name in value):
        return {path: value}
    return {key: leaf for name, part in value.items() for key, leaf in flat(part, (*path, name)).items()}


def law_paths(infuse, target, a, b):
    edited = set(flat(a))
    after = flat(infuse(target, a))
    for path, value in flat(target).items():
        named = any(path[: len(edit)] == edit for edit in edited)
        if not named and (path not in after or after[path] != value):
            return False
    return True


def ordered(value, backwards):
    if isinstance(value, list):
        return [ordered(part, backwards) for part in value]
    if not isinstance(value, dict):
        return value
    return {name: ordered(value[name], backwards) for name in sorted(value, reverse=backwards)}


def law_alphabet(infuse, target, a, b):
    """Sorted, and sorted backwards: the same."""
    return infuse(target, ordered(a, False)) == infuse(target, ordered(a, True))


def law_if_all_is_named(infuse, target, a, b):
    """Says something only where a names every attribute of the target."""
    if set(a) >= set(target):
        return set(infuse(target, a)) == set(a)
    return None
