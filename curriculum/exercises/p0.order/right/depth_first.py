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
    """Depth first with a stack of our own: white, grey (on the way), black (placed)."""
    grey, placed = {}, {}
    for first in needs:
        if first in placed:
            continue
        grey[first] = iter(needs[first])
        while grey:
            name = next(reversed(grey))
            for need in grey[name]:
                if need not in needs:
                    raise Missing(name, need)
                if need in grey:
                    way = list(grey)
                    raise Cycle([*way[way.index(need) :], need])
                if need not in placed:
                    grey[need] = iter(needs[need])
                    break
            else:
                del grey[name]
                placed[name] = None
    return list(placed)


def levels(needs):
    depth, groups = {}, []
    for name in order(needs):
        depth[name] = max((depth[need] + 1 for need in needs[name]), default=0)
        if depth[name] == len(groups):
            groups.append([])
        groups[depth[name]].append(name)
    return groups
