"""Taking all of something the lab has a limit on: its disk, its processes."""

from __future__ import annotations

import json
import selectors
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

from helpers.engines.base import MIB
from helpers.errors import FaultError, SandboxError

if TYPE_CHECKING:
    from helpers.faults.fault import Fault
    from helpers.lab import Lab

__all__ = ["exhaust_pids", "fill_disk"]

_PYTHON = ("/usr/bin/python3", "-I", "-S", "-c")
_FILE = ".initlab-full"
_PATIENCE = 60.0

# The mount that holds a path is the one with the longest matching mount point, the last of several
# (proc_pid_mounts(5)).
_LOOK = """
import json, os, sys
path = os.path.realpath(sys.argv[1])
if not os.path.isdir(path):
    sys.exit(3)
best = ("", "", "")
for line in open("/proc/self/mounts"):
    _, point, kind, options = line.split()[:4]
    point = point.encode().decode("unicode_escape")
    inside = path == point or path.startswith(point.rstrip("/") + "/")
    if inside and len(point) >= len(best[0]):
        best = (point, kind, options)
room = os.statvfs(path)
print(json.dumps({"path": path, "kind": best[1], "sized": "size=" in best[2],
                  "total": room.f_blocks * room.f_frsize, "free": room.f_bavail * room.f_frsize}))
"""
# posix_fallocate(3) takes whole pages at once; the writes after it take what is left of the last one.
_FILL = """
import os, sys
path, leave = sys.argv[1], int(sys.argv[2])
file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
def free():
    room = os.fstatvfs(file)
    return room.f_bavail * room.f_frsize - leave
try:
    if free() > 0:
        os.posix_fallocate(file, 0, free())
except OSError:
    pass
os.lseek(file, 0, os.SEEK_END)
try:
    while free() > 0:
        os.write(file, bytes(min(65536, free())))
except OSError:
    pass
print(os.fstat(file).st_size)
"""
# Small stacks: the memory limit is not what shall be met. It ends when its standard input does.
_HOLD = """
import os, select, sys, threading
leave = int(sys.argv[1])
threading.stack_size(65536)
held, said = [], False
while True:
    try:
        while not (said and leave):
            gate = threading.Lock()
            gate.acquire()
            threading.Thread(target=gate.acquire, daemon=True).start()
            held.append(gate)
    except (RuntimeError, MemoryError):
        pass
    if not said:
        for gate in held[len(held) - leave:]:
            gate.release()
        os.write(1, b"%d\\n" % (len(held) - leave))
        said = True
    if select.select([0], [], [], 0.05)[0] and not os.read(0, 1):
        os._exit(0)
"""


def fill_disk(lab: Lab, fault: Fault, path: str, leave: int) -> None:
    """See `Faults.fill_disk`."""
    box = lab.sandbox
    done = box.exec([*_PYTHON, _LOOK, path])
    if done.code != 0:
        raise FaultError(f"there is no directory {path} in the lab", hint='e.g. lab.faults.fill_disk("/var")')
    seen = json.loads(done.stdout)
    _check_bound(lab, path, seen)
    need = max(0, seen["free"] - leave)
    _check_memory(lab, path, seen["kind"], need)
    name = f"{seen['path'].rstrip('/')}/{_FILE}"
    fault.on_undo(lambda: _run(lab, ["/bin/rm", "-f", name]))
    size = int(_run(lab, [*_PYTHON, _FILL, name, str(leave)], _PATIENCE))
    fault.what = f"the file system of {path} is full: {name} has {size / MIB:.1f} MiB"
    if leave:
        fault.what += f", {leave} bytes are left"


def _check_bound(lab: Lab, path: str, seen: dict[str, object]) -> None:
    """Refuse where the room is not the lab's own. A tmpfs with a size is; the writable layer is where a limit
    was asked for, was set, and can be seen from inside."""
    if seen["kind"] == "tmpfs" and seen["sized"]:
        return
    limit = lab.limits.disk
    missing = [text for text in lab.sandbox.limits_missing if text.startswith("no disk")]
    if limit is None:
        why = "the lab was started without a disk limit"
    elif missing:
        why = missing[0]
    elif not isinstance(seen["total"], int) or seen["total"] > limit * 1.05:
        why = f"its file system is larger than the lab's disk limit ({limit / MIB:.0f} MiB)"
    else:
        return
    raise FaultError(
        f"{path} is not filled, it would be the disk of this computer: {why}",
        hint='the embedded engine bounds it: Lab(..., engine="embedded"); or fill /tmp',
    )


def _check_memory(lab: Lab, path: str, kind: object, need: int) -> None:
    """The embedded engine's writable layer and every tmpfs are memory: the OOM killer must not come first."""
    limit, stats = lab.limits.memory, lab.sandbox.stats()
    missing = any(text.startswith("no memory") for text in lab.sandbox.limits_missing)
    if limit is None or missing or stats.memory_source != "cgroup":
        return
    if stats.memory + need > limit * 0.95:
        raise FaultError(
            f"{path} is not filled: the {need / MIB:.0f} MiB are memory, and the lab, which uses "
            f"{stats.memory / MIB:.0f} MiB, may use {limit / MIB:.0f}",
            hint="start it with more memory or less disk: Lab(..., limits=Limits(disk=64 * MIB))",
        )


def exhaust_pids(lab: Lab, fault: Fault, leave: int) -> None:
    """See `Faults.exhaust_pids`."""
    limit = lab.limits.pids
    missing = [text for text in lab.sandbox.limits_missing if text.startswith("no pids")]
    if limit is None or missing:
        why = missing[0] if missing else "the lab was started without one"
        raise FaultError(
            f"processes are not exhausted without a limit, they would be this computer's: {why}",
            hint="initlab doctor says whether limits can be set here; Limits(pids=...) asks for one",
        )
    pipe = subprocess.PIPE
    process = lab.sandbox.popen([*_PYTHON, _HOLD, str(leave)], stdin=pipe, stdout=pipe)

    def let_go() -> None:
        with process:  # closes its input, reads its end
            with suppress(BrokenPipeError):
                assert process.stdin is not None  # noqa: S101 - a pipe was asked for
                process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)

    fault.on_undo(let_go)
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        line = process.stdout.readline() if selector.select(_PATIENCE) else b""
    if not line.strip().isdigit():
        raise FaultError("the process that should take all others did not say that it has them")
    fault.what = f"{int(line)} of the {limit} processes the lab may have are taken, {leave} are left"


def _run(lab: Lab, argv: list[str], timeout: float = 30.0) -> str:
    done = lab.sandbox.exec(argv, timeout=timeout)
    if done.code != 0:
        said = done.stderr.decode(errors="replace").strip().rsplit("\n", 1)[-1]
        raise SandboxError(f"{argv[0]} in the lab ended with {done.code}: {said}")
    return done.text
