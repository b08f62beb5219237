"""In which order to start services. A graph maps each service to a list of the names it depends on."""


class Missing(Exception):
    """A service depends on a name that is not there."""

    def __init__(self, service, name):
        super().__init__(f"{service} depends on {name}, and there is no {name}")
        self.service, self.name = service, name


class Cycle(Exception):
    """Services that wait for each other: the path, its first name once more at its end."""

    def __init__(self, path):
        super().__init__(" → ".join(path))
        self.path = list(path)


def order(needs):
    placed = {}
    for group in levels(needs):
        placed.update(dict.fromkeys(group))
    return tuple(placed)


def levels(needs):
    """Round after round: whoever has all it needs is in this round's group."""
    for name in needs:
        for need in needs[name]:
            if need not in needs:
                raise Missing(name, need)
    left, done, groups = dict(needs), set(), []
    while left:
        group = [name for name, found in left.items() if done.issuperset(found)]
        if not group:
            way = [next(iter(left))]
            while True:
                name = next(need for need in left[way[-1]] if need in left)
                if name in way:
                    raise Cycle(way[way.index(name) :] + [name])
                way.append(name)
        for name in group:
            del left[name]
        done.update(group)
        groups.append(group)
    return groups
