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


from collections import deque


def order(needs):
    left, users = counted(needs)
    queue = deque(name for name, count in left.items() if count == 0)
    placed = []
    while queue:
        name = queue.popleft()
        placed.append(name)
        for user in users[name]:
            left[user] -= 1
            if left[user] == 0:
                queue.append(user)
    if len(placed) == len(needs):
        return placed
    # Everybody left is on a cycle or needs somebody who is: walk until a name comes again.
    walk, name = [], next(name for name, count in left.items() if count)
    seen = set()
    while name not in seen:
        seen.add(name)
        walk.append(name)
        name = [need for need in needs[name] if left[need]][-1]
    raise Cycle(walk[walk.index(name) :] + [name])


def counted(needs):
    users = {name: [] for name in needs}
    left = {}
    for name in needs:
        once = []
        for need in needs[name]:
            if need not in users:
                raise Missing(name, need)
            if need not in once:
                once.append(need)
                users[need].append(name)
        left[name] = len(once)
    return left, users


def levels(needs):
    level = {}
    for name in order(needs):
        level[name] = max([level[need] + 1 for need in needs[name]], default=0)
    found = {}
    for name, number in level.items():
        found.setdefault(number, set()).add(name)
    return [found[number] for number in range(len(found))]
