"""A process that starts sandboxes and is then ended in every way there is. Run by `test_owner_killed`.

Arguments: engine, root file system, its digest, marker, what to do. Prints a line of JSON once its
sandboxes run. The marker stands in the arguments of everything inside.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from helpers.engines.base import MIB, Engine, Image, Limits, Network
from helpers.filetree import FileTree


def _start(engine: Engine, image: Image, marker: str) -> Any:
    tree = FileTree()
    script = f"#!/bin/sh\ntrap '' TERM HUP INT\nsleep {marker} & while :; do sleep 1; done\n"
    tree.script(f"/opt/{marker}/init", script)
    limits = Limits(memory=96 * MIB, pids=64, disk=16 * MIB)
    return engine.start(image, [f"/opt/{marker}/init"], tree, limits, Network(ports=(80, 8080)))


def main() -> None:
    name, rootfs, digest, marker, what = sys.argv[1:6]
    engine: Any
    if name == "embedded":
        from helpers.engines.embedded import Embedded

        engine = Embedded()
    else:
        from helpers.engines.docker import Docker

        engine = Docker(far=name == "docker-far")
    image = Image(Path(rootfs), digest)
    box = _start(engine, image, marker)
    said: dict[str, Any] = {"id": box.id, "pid1": box.pid1, "port": box.address(80)[1]}
    if what == "command":  # with a command running inside, streamed with
        box.popen(["sleep", marker])
    if what == "fork":
        _fork(engine, image, box, marker)
        said["fork"] = "fine"
    if what == "keeper-killed":
        said.update(_kill_keeper(engine, image, box, marker))
    print(json.dumps(said), flush=True)
    if what == "exit":
        sys.exit(0)
    if what == "os._exit":
        os._exit(0)
    if what == "fork":
        return
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        sys.exit(130)


def _fork(engine: Any, image: Image, box: Any, marker: str) -> None:
    """A forked child uses the engine on its own, and neither its use nor its end disturbs the parent's."""
    pid = os.fork()
    if pid == 0:
        try:
            other = _start(engine, image, marker)
            assert other.exec(["echo", "child"]).text == "child"
        except BaseException as error:
            print(f"in the forked child: {error!r}", file=sys.stderr, flush=True)
            os._exit(1)
        sys.exit(0)  # through the interpreter's end, with everything that runs there
    _, status = os.waitpid(pid, 0)
    assert status == 0, status
    assert box.exec(["echo", "parent"]).text == "parent"
    assert box.exit is None


def _kill_keeper(engine: Any, image: Image, box: Any, marker: str) -> dict[str, Any]:
    """The keeper is killed: the sandbox is gone and says why; the next start works."""
    from helpers.errors import SandboxGone

    keepers = [
        int(process.name)
        for process in Path("/proc").iterdir()
        if process.name.isdigit() and _is_keeper_of(process, os.getpid())
    ]
    assert len(keepers) == 1, keepers
    os.kill(keepers[0], signal.SIGKILL)
    code = box.wait(10).code
    try:
        box.exec(["true"])
    except SandboxGone as gone:
        message = str(gone)
    box.destroy()
    again = _start(engine, image, marker)
    assert again.exec(["echo", "again"]).text == "again"
    return {"code": code, "message": message, "again": again.id}


def _is_keeper_of(process: Path, owner: int) -> bool:
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(b"helpers.engines.keeper.loop" in word for word in words) and str(owner).encode() in words


if __name__ == "__main__":
    main()
