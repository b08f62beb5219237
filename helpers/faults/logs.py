"""Who reads a service's standard output: found by the pipe itself, whatever init made it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from helpers.engines.base import Process
from helpers.errors import FaultError

if TYPE_CHECKING:
    from helpers.lab import Lab

__all__ = ["choose_reader", "reader", "socket_peer"]

# What standard output is, and which processes have it open how: proc_pid_fd(5), proc_pid_fdinfo(5).
# The two low bits of the flags are the access mode: 0 reads, 1 writes, 2 both.
_LOOK = """
import json, os, stat, sys
main = sys.argv[1]
def look():
    return os.readlink(f"/proc/{main}/fd/1"), os.stat(f"/proc/{main}/fd/1").st_mode
try:
    try:
        link, mode = look()
    except PermissionError:  # another user's, and this sandbox has no CAP_SYS_PTRACE (ptrace(2))
        owner = os.stat(f"/proc/{main}")
        os.setegid(owner.st_gid)
        os.seteuid(owner.st_uid)
        link, mode = look()
        os.seteuid(0)
        os.setegid(0)
except OSError as error:
    print(json.dumps({"error": error.strerror}))
    sys.exit()
ends = []
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        for number in os.listdir(f"/proc/{pid}/fd"):
            if os.readlink(f"/proc/{pid}/fd/{number}") == link:
                with open(f"/proc/{pid}/fdinfo/{number}") as info:
                    flags = next(line.split()[1] for line in info if line.startswith("flags:"))
                ends.append([int(pid), int(number), int(flags, 8) & 3])
    except (OSError, StopIteration):
        pass
kind = "pipe" if stat.S_ISFIFO(mode) else "socket" if stat.S_ISSOCK(mode) else "other"
print(json.dumps({"link": link, "kind": kind, "ends": ends}))
"""


def reader(lab: Lab, service: str, process: Process) -> Process:
    """The process that reads what a service's main process writes to standard output.

    Raises `FaultError` where there is none, and where it is PID 1.
    """
    done = lab.sandbox.exec(["/usr/bin/python3", "-I", "-S", "-c", _LOOK, str(process.pid)])
    seen: dict[str, Any] = json.loads(done.stdout)
    hint = f"lab.logs({service!r}) shows what there is"
    if "error" in seen:
        raise FaultError(f"cannot tell where the output of {service} goes: {seen['error']}", hint=hint)
    link = str(seen["link"])
    title = lab.init.title
    if seen["kind"] == "pipe":  # also one with a name, as s6-rc's are
        parents = {one.pid: one.ppid for one in lab.sandbox.processes()}
        pid = choose_reader([tuple(end) for end in seen["ends"]], parents)
        if pid is None and getattr(lab.init, "reads_output", False):
            pid = 1  # it holds both ends, which elsewhere is the mark of who waits for a logger
    elif seen["kind"] == "socket":
        listing = lab.sandbox.exec(["ss", "-xapH"]).stdout.decode(errors="replace")
        pid = socket_peer(listing, re.sub(r"\D", "", link))
    else:
        raise FaultError(
            f"under {title} the output of {service} goes straight to {link}: no process reads it, so nothing "
            "can stall",
            hint=hint,
        )
    if pid == 1:
        raise FaultError(
            f"{title} as PID 1 reads the output of {service} itself: stopped, it would supervise nothing",
            hint=hint,
        )
    found = next((one for one in lab.sandbox.processes() if one.pid == pid), None)
    if found is None:
        raise FaultError(f"no process reads the output of {service} ({link})", hint=hint)
    return found


def choose_reader(ends: list[tuple[int, ...]], parents: Mapping[int, int]) -> int | None:
    """The PID that reads, from (PID, file descriptor, access mode) of everyone who has the pipe open.

    A logger reads its standard input. s6-supervise has the same there, which it gives to the logger, its
    child: of a parent and a child it is the child. Otherwise it is who reads and does not write: supervisors
    hold both ends, so that nothing is lost when one side is started again (runsv(8), s6-svscan).
    """
    inputs = {pid for pid, number, mode in ends if number == 0 and mode != 1}
    loggers = inputs - {parents.get(pid) for pid in inputs}
    writers = {pid for pid, _, mode in ends if mode != 0}
    readers = {pid for pid, _, mode in ends if mode == 0} - writers
    return min(loggers or readers, default=None)


def socket_peer(listing: str, inode: str) -> int | None:
    """The PID at the other end of a Unix socket, from the lines of `ss -xapH` (ss(8)).

    A line ends in `LOCAL PORT PEER PORT USERS`; the ports are inodes.
    """
    rows = [line.split() for line in listing.splitlines()]
    rows = [row for row in rows if len(row) >= 8]
    peer = next((row[7] for row in rows if row[5] == inode), None)
    for row in rows:
        if row[5] == peer and (match := re.search(r"pid=(\d+)", " ".join(row[8:]))):
            return int(match[1])
    return None
