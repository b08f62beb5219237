# hint: endless-on-cycle
# Goes round and round as long as somebody is left.
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
    check_names(needs)
    placed = []
    while len(placed) < len(needs):
        for name in needs:
            if name not in placed and all(need in placed for need in needs[name]):
                placed.append(name)
    return placed


def levels(needs):
    level = {}
    for name in order(needs):
        level[name] = 1 + max((level[need] for need in needs[name]), default=-1)
    groups = [[] for _ in range(1 + max(level.values(), default=-1))]
    for name in needs:
        groups[level[name]].append(name)
    return groups


def check_names(needs):
    for name, found in needs.items():
        for need in found:
            if need not in needs:
                raise Missing(name, need)
