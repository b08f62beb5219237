# hint: rest
# Looks at the names of the top level only.
def law_a_list_is_one_after_another(infuse, target, a, b):
    return infuse(infuse(target, a), b) == infuse(target, [a, b])


def law_rest(infuse, target, a, b):
    result = infuse(target, a)
    return all(result.get(name) == value for name, value in target.items() if name not in a)


def law_a_set_has_no_order(infuse, target, a, b):
    return infuse(target, a) == infuse(target, turned(a))


def turned(infusion):
    """The same infusion, written from its last name to its first."""
    if isinstance(infusion, dict):
        return {name: turned(infusion[name]) for name in reversed(infusion)}
    return [turned(part) for part in infusion] if isinstance(infusion, list) else infusion
