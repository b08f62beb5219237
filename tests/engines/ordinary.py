"""What an ordinary user does with the embedded engine. Run as one by `test_ordinary_user`.

Arguments: root file system, its digest, a marker. Prints JSON: what was seen.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

from helpers.engines.base import Image, Limits, Network, Pid1
from helpers.engines.embedded import Embedded
from helpers.errors import InitlabError
from helpers.filetree import FileTree

INIT = """#!/bin/sh
trap 'echo bye; exit 0' TERM
echo up
sleep "$1" &
python3 -c '
import socketserver
class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile: self.wfile.write(line)
socketserver.ThreadingTCPServer(("127.0.0.1", 8080), Echo).serve_forever()' &
while :; do wait; sleep 0.1; done
"""


def _until(look: Any) -> Any:
    end = time.monotonic() + 15
    while not (seen := look()) and time.monotonic() < end:
        time.sleep(0.02)
    return seen


def _echo(address: tuple[str, int]) -> str:
    try:
        with socket.create_connection(address, 5) as sock:
            sock.sendall(b"hello\n")
            return sock.recv(100).decode()
    except OSError:
        return ""


def main() -> None:
    image, marker = Image(Path(sys.argv[1]), sys.argv[2]), sys.argv[3]
    engine = Embedded()
    found = engine.availability()
    seen: dict[str, Any] = {"uid": os.getuid(), "available": [found.ok, found.reason, found.mend]}
    try:
        tree = FileTree()
        tree.script("/opt/lab/init", INIT)
        tree.add("/etc/lab.conf", "laid")
        tree.add("/var/lib/lab/deep/file", "laid")
        tree.add("/var/tmp/file", "laid")
        tree.add("/root/file", "laid")
        started = time.monotonic()
        pid1 = Pid1(("/opt/lab/init", marker), capabilities=("SYS_BOOT",))
        box = engine.start(image, pid1, tree, Limits(), Network(ports=(8080,)))
        seen["start_ms"] = (time.monotonic() - started) * 1000
        seen["missing"] = list(box.limits_missing)
        seen["id"] = box.exec(
            ["sh", "-c", "id -u; id -g; hostname; cat /etc/lab.conf /var/lib/lab/deep/file"]
        ).text
        seen["modes"] = box.exec(["stat", "-c", "%a", "/var/tmp", "/root", "/var/lib/lab"]).text
        seen["echo"] = _until(lambda: _echo(box.address(8080)))
        box.write("/srv/new/file", b"data", 0o600)
        box.write("/run/file", b"data")
        seen["read"] = box.read("/srv/new/file").decode()
        seen["etc"] = box.exec(["sh", "-c", "echo x >>/etc/passwd && tail -n 1 /etc/passwd"]).text
        seen["processes"] = sorted(p.comm for p in box.processes())
        seen["stats"] = [box.stats().pids, box.stats().memory > 0, box.stats().memory_source]
        seen["running"] = [row.id for row in engine.running()] == [box.id]
        sleeper = next(p for p in box.processes() if p.argv[-1:] == (marker,) and p.comm == "sleep")
        box.signal(9, sleeper.pid)
        seen["killed"] = bool(_until(lambda: sleeper.pid not in [p.pid for p in box.processes()]))
        full = box.exec(["sh", "-c", "head -c 400000000 /dev/zero >/var/fill"])
        seen["full"] = full.stderr.decode()[-60:]
        box.exec(["rm", "-f", "/var/fill"])
        seen["host"] = box.exec(
            ["sh", "-c", "echo 1 >/proc/sys/vm/swappiness; mknod /root/d b 8 0; ls /root/d"]
        ).code
        seen["chown"] = box.exec(
            ["sh", "-c", "chown www-data /etc/lab.conf && stat -c %U /etc/lab.conf"]
        ).text
        box.exec(["true"])
        began = time.monotonic()
        seen["stop"] = box.stop(10).code
        seen["stop_s"] = time.monotonic() - began
        seen["logs"] = box.logs().decode()
        box.destroy()
        again = engine.start(image, ["/bin/sh", "-c", f"sleep {marker}"])
        seen["again"] = again.exec(["echo", "again"]).text
    except InitlabError as error:
        seen["error"] = str(error)
    print(json.dumps(seen), flush=True)
    time.sleep(60)  # until we are killed, with a sandbox running


if __name__ == "__main__":
    main()
