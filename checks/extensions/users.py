"""Place 3, `p3.user`: each service as its user.

Sources: credentials(7), initgroups(3), setresuid(2), and the contract at the top of src/user.rs.
"""

from __future__ import annotations

from checks.behaviours import Finding, Suite, Trial
from checks.extensions.hints import USER
from checks.extensions.part import Machine, Part, add_compiles, image
from checks.pid1.asking import alive
from checks.pid1.box import random_word
from checks.stages.box import names, service
from helpers.filetree import FileTree

__all__ = ["SUITE"]

SUITE: Suite[Part] = Suite(USER, control=Part.known_good)
add_compiles(SUITE)

_LOOKS = "cat /proc/self/status >/tmp/$0.status; env >/tmp/$0.env; touch /tmp/$0.done; exec sleep 600"


def _looks(name: str, **fields: object) -> dict[str, object]:
    command = ["/bin/sh", "-c", _LOOKS, name]
    return {"name": name, "command": command, "restart": {"policy": "never"}, **fields}


def _account(trial: Trial) -> tuple[FileTree, str, int, int, set[int]]:
    """A new user in /etc/passwd, with two more groups: tree, name, UID, GID, all its groups."""
    rng = trial.rng
    name, first, second = names(trial, 3)
    uid, gid, one, two = (base + rng.randrange(90) for base in (3000, 4000, 5000, 6000))
    root = image().rootfs
    passwd = (root / "etc/passwd").read_text() + f"{name}:x:{uid}:{gid}::/home/{name}:/bin/sh\n"
    group = (root / "etc/group").read_text() + (
        f"{name}:x:{gid}:\n{first}:x:{one}:{name}\n{second}:x:{two}:games,{name}\n"
    )
    tree = FileTree()
    tree.add("/etc/passwd", passwd)
    tree.add("/etc/group", group)
    return tree, name, uid, gid, {gid, one, two}


def _numbers(status: str, field: str) -> list[int]:
    line = next((line for line in status.splitlines() if line.startswith(f"{field}:")), "")
    return [int(word) for word in line.split()[1:]]


@SUITE.behaviour(
    "ids", points=3, needs=("compiles",), asked="run a service as its user, with all of that and no more"
)
@alive("ends-early")
def ids(trial: Trial, part: Part) -> Finding:
    """UID and GID real, effective, saved and for files (proc_pid_status(5)); the groups of /etc/group."""
    tree, user, uid, gid, groups = _account(trial)
    (name,) = names(trial, 1)
    expected = f"UID {uid}, GID {gid}, groups {sorted(groups)}"
    box = Machine(trial, part, [_looks(name, user=user)], tree=tree)
    if not box.wait(lambda: box.text(f"/tmp/{name}.done") is not None):
        return box.not_up(expected)
    status = box.text(f"/tmp/{name}.status") or ""
    uids, gids, found = _numbers(status, "Uid"), _numbers(status, "Gid"), set(_numbers(status, "Groups"))
    if set(uids) != {uid}:
        return trial.no(expected=expected, seen=f"UIDs {uids}", hint="still-root")
    if set(gids) != {gid}:
        return trial.no(expected=expected, seen=f"GIDs {gids}", hint="group-of-root")
    if 0 in found:
        return trial.no(expected=expected, seen=f"groups {sorted(found)}", hint="group-of-root")
    if found | {gid} != groups:
        return trial.no(expected=expected, seen=f"groups {sorted(found)}", hint="groups-missing")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour("none", points=1, needs=("ids",), asked="leave a service without a user as it is")
@alive("ends-early")
def none(trial: Trial, part: Part) -> Finding:
    """It runs as the supervisor does, beside one that has a user; and PID 1 is root still."""
    tree, user, *_ = _account(trial)
    plain, other = names(trial, 2)
    expected = f"{plain} and PID 1 are root"
    box = Machine(trial, part, [_looks(other, user=user), _looks(plain)], tree=tree)
    if not box.wait(lambda: all(box.text(f"/tmp/{name}.done") is not None for name in (plain, other))):
        return box.not_up(expected)
    if _numbers(box.text(f"/tmp/{plain}.status") or "", "Uid")[0] != 0:
        return trial.no(expected=expected, seen=f"{plain} is not", hint="everybody")
    if _numbers(box.sh("cat /proc/1/status"), "Uid")[0] != 0:
        return trial.no(expected=expected, seen="PID 1 is not", hint="everybody")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour("environment", points=1, needs=("ids",), asked="tell the service who it is")
@alive("ends-early")
def environment(trial: Trial, part: Part) -> Finding:
    """HOME, USER and LOGNAME are the user's; what the manifest says goes before."""
    tree, user, *_ = _account(trial)
    one, two = names(trial, 2)
    own = f"/{random_word(trial.rng)}"
    services = [_looks(one, user=user), _looks(two, user=user, env={"HOME": own})]
    expected = f"HOME=/home/{user}, USER and LOGNAME {user}; HOME={own} where the manifest says so"
    box = Machine(trial, part, services, tree=tree)
    if not box.wait(lambda: all(box.text(f"/tmp/{name}.done") is not None for name in (one, two))):
        return box.not_up(expected)
    found = {name: (box.text(f"/tmp/{name}.env") or "").splitlines() for name in (one, two)}
    for line in (f"HOME=/home/{user}", f"USER={user}", f"LOGNAME={user}"):
        if line not in found[one]:
            return trial.no(expected=expected, seen=f"no {line}", hint="environment")
    if f"HOME={own}" not in found[two]:
        return trial.no(expected=expected, seen="the manifest's HOME is lost", hint="manifest-overruled")
    return trial.ok(expected=expected, seen="so it is")


@SUITE.behaviour(
    "unknown", points=2, needs=("compiles",), asked="refuse a user that is not there, and only that service"
)
@alive("unknown-ends-all")
def unknown(trial: Trial, part: Part) -> Finding:
    """An event `refused` names the user; the service does not run at all; the others do."""
    lost, other = names(trial, 2)
    user = f"no-{random_word(trial.rng)}"
    expected = f"{lost} is refused, naming {user}; {other} runs"
    box = Machine(trial, part, [_looks(lost, user=user), service(other, "stay")])
    box.wait(lambda: box.events("refused", lost) or box.text(f"/tmp/{lost}.done") is not None)
    if box.text(f"/tmp/{lost}.done") is not None or box.events("start", lost):
        return trial.no(expected=expected, seen=f"{lost} was started", hint="unknown-runs")
    refused = box.events("refused", lost)
    if box.exit is not None:
        return trial.no(expected=expected, seen=box.ended(), hint="unknown-ends-all")
    if not refused:
        return trial.no(expected=expected, seen="no event says so", hint="unknown-silent")
    if not box.wait_up(other):
        return trial.no(expected=expected, seen=f"{other} does not run", hint="unknown-ends-all")
    if user not in str(refused[0].get("why")):
        return trial.no(
            expected=expected, seen=f"the reason is: {refused[0].get('why')}", hint="unknown-silent"
        )
    return trial.ok(expected=expected, seen="so it is")
