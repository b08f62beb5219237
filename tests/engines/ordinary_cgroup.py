"""systemd as an ordinary user's PID 1. Run as one by `test_ordinary_cgroup`.

Arguments: root file system, its digest. Prints JSON: what was seen.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

from helpers.engines.base import Image, Pid1
from helpers.engines.embedded import Embedded
from helpers.errors import InitlabError
from helpers.filetree import FileTree

UNIT = "[Unit]\nDefaultDependencies=no\n"
PID1 = Pid1(
    ("/usr/lib/systemd/systemd", "--log-target=console", "--show-status=no"),
    stop_signal=signal.SIGRTMIN + 4,
    env={"container": "initlab", "TERM": "dumb"},
    cgroup=True,
    terminal=True,
)


def main() -> None:
    found = Embedded().cgroup_availability()
    seen: dict[str, Any] = {"divides": [found.ok, found.reason, found.mend]}
    tree = FileTree()
    tree.add("/etc/systemd/system/default.target", f"{UNIT}Wants=some.service\n")
    service = "[Service]\nExecStart=/bin/sleep 1000\nStandardOutput=null\nStandardError=null\n"
    tree.add("/etc/systemd/system/some.service", UNIT + service)
    tree.add("/etc/machine-id", "1ab1ab1ab1ab1ab1ab1ab1ab1ab1ab1a\n")
    try:
        box = Embedded().start(Image(Path(sys.argv[1]), sys.argv[2]), PID1, tree)
        end = time.monotonic() + 15
        while (
            box.exec(["systemctl", "is-active", "some.service"]).text != "active" and time.monotonic() < end
        ):
            time.sleep(0.05)
        seen["active"] = box.exec(["systemctl", "is-active", "some.service"]).text
        seen["group"] = box.exec(["cat", "/sys/fs/cgroup/system.slice/some.service/cgroup.procs"]).text
        seen["code"] = box.stop(10).code
        seen["logs"] = box.logs().decode(errors="replace")[-2000:]
        box.destroy()
    except InitlabError as error:
        seen["error"] = str(error)
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
