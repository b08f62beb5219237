# hint: repeated
# A name written twice is counted twice, and taken off once.
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
    """Every service once, each after all it depends on."""
    return [name for level in levels(needs) for name in level]


def levels(needs):
    """Groups of services: those of a group can start together, once all groups before are ready."""
    waiting, needed_by = {}, {name: [] for name in needs}
    for name, found in needs.items():
        different = dict.fromkeys(found)
        for need in different:
            if need not in needs:
                raise Missing(name, need)
            needed_by[need].append(name)
        waiting[name] = len(found)

    groups = []
    free = [name for name in needs if waiting[name] == 0]
    while free:
        groups.append(free)
        following = []
        for name in free:
            for other in needed_by[name]:
                waiting[other] -= 1
                if waiting[other] == 0:
                    following.append(other)
        free = following

    if sum(map(len, groups)) < len(needs):
        raise Cycle(find_cycle(needs, waiting))
    return groups


def find_cycle(needs, waiting):
    """Who still waits, waits for another one who does: follow them until one is met again."""
    name = next(name for name in needs if waiting[name])
    path, place = [], {}
    while name not in place:
        place[name] = len(path)
        path.append(name)
        name = next(need for need in needs[name] if waiting[need])
    return [*path[place[name] :], name]
