# hint: changes-the-graph
# Crosses off dependencies in the caller's own lists.
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
    return [name for level in levels(needs) for name in level]


def levels(needs):
    for name, found in needs.items():
        for need in found:
            if need not in needs:
                raise Missing(name, need)
    needed_by = {name: [] for name in needs}
    for name, found in needs.items():
        needs[name] = list(dict.fromkeys(found))
        for need in needs[name]:
            needed_by[need].append(name)
    groups = []
    free = [name for name in needs if not needs[name]]
    while free:
        groups.append(free)
        following = []
        for name in free:
            for other in needed_by[name]:
                needs[other].remove(name)
                if not needs[other]:
                    following.append(other)
        free = following
    if any(needs.values()):
        name, path = next(name for name in needs if needs[name]), []
        while name not in path:
            path.append(name)
            name = needs[name][0]
        raise Cycle([*path[path.index(name) :], name])
    return groups
