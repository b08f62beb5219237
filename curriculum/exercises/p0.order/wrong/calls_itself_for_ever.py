# hint: recursion-on-cycle
# Depth first without remembering who is on the way.
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
    placed, on_the_way = {}, {}

    def visit(name):
        if name in placed:
            return
        on_the_way[name] = True
        for need in needs[name]:
            if need not in needs:
                raise Missing(name, need)
            visit(need)
        del on_the_way[name]
        placed[name] = True

    for name in needs:
        visit(name)
    return list(placed)


def levels(needs):
    depth = {}
    for name in order(needs):
        depth[name] = 1 + max((depth[need] for need in needs[name]), default=-1)
    groups = [[] for _ in range(1 + max(depth.values(), default=-1))]
    for name in needs:
        groups[depth[name]].append(name)
    return groups
