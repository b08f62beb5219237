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


import graphlib


def order(needs):
    return [name for group in levels(needs) for name in group]


def levels(needs):
    for name, found in needs.items():
        for need in found:
            if need not in needs:
                raise Missing(name, need)
    sorter = graphlib.TopologicalSorter(needs)
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        # There each name is needed by the next one; here each name needs the next one.
        raise Cycle(error.args[1][::-1]) from None
    groups = []
    while sorter.is_active():
        groups.append(sorter.get_ready())
        sorter.done(*groups[-1])
    return groups
