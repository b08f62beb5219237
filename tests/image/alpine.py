"""A small Alpine to build from, served by HTTP: a base system of this computer's programs, and packages.

What is in it is made here: its `apk` is a script that gets an index from the repository it finds in
/etc/apk/repositories, as apk does, and writes apk's database. Every step around it is the real one.
"""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from helpers.image.alpine import AlpineRecipe, load_alpine_recipe

APK = r"""#!/bin/bash
set -e
wanted=()
for word; do case $word in --*|add) ;; *) wanted+=("$word") ;; esac; done
: >/dev/null
read -r name </proc/self/comm
read -r url </etc/apk/repositories
[ -s /etc/resolv.conf ]
place=${url#http://}
exec 3<>"/dev/tcp/${place%%:*}/$(port=${place#*:}; echo "${port%%/*}")"
printf 'GET /%s/x86_64/INDEX HTTP/1.0\r\n\r\n' "${place#*/}" >&3
while IFS= read -r line <&3 && [ "$line" != $'\r' ]; do :; done
declare -A versions programs
while read -r name version rest <&3; do versions[$name]=$version programs[$name]=$rest; done
number=0
for name in "${wanted[@]}"; do
    if [ -z "${versions[$name]}" ]; then
        echo "ERROR: unable to select packages:"
        echo "  $name (no such package):"
        exit 1
    fi
    number=$((number + 1))
    echo "($number/${#wanted[@]}) Installing $name (${versions[$name]})"
    for program in ${programs[$name]}; do
        [ ! -e "$program" ] || continue
        mkdir -p "${program%/*}"
        echo '#!/bin/sh' >"$program"
        chmod 755 "$program"
    done
    printf 'P:%s\nV:%s\nA:x86_64\nI:4096\nF:usr/bin\n\n' "$name" "${versions[$name]}" >>/lib/apk/db/installed
done
mkdir -p /var/lib/redis && echo x >/var/lib/redis/dump.rdb
"""


def base_system() -> bytes:
    """A tar.gz with bash, mkdir and chmod of this computer, the libraries they need, and an `apk`."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:

        def add(path: str, data: bytes, mode: int) -> None:
            info = tarfile.TarInfo(f"./{path}")
            info.size, info.mode = len(data), mode
            tar.addfile(info, io.BytesIO(data))

        for folder in ("./etc", "./lib/apk/db", "./sbin", "./bin", "./usr/bin", "./var/cache/apk"):
            info = tarfile.TarInfo(folder)
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(info)
        files: dict[str, Path] = {}
        for name in ("bash", "mkdir", "chmod"):
            program = Path(shutil.which(name) or "").resolve()
            files[f"bin/{name}"] = program
            said = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
            files |= {found.lstrip("/"): Path(found) for found in re.findall(r"(/\S+)", said)}
        for inside, path in files.items():
            add(inside, path.read_bytes(), 0o755)
        add("sbin/apk", APK.encode(), 0o755)
        add("etc/apk/keys/one.pub", b"a key\n", 0o644)
        add("var/cache/apk/left", b"x", 0o644)
    return archive.getvalue()


class Mirror:
    """A mirror on 127.0.0.1. `files` maps paths to bodies, or to functions that answer by themselves."""

    def __init__(self, base: bytes, recipe: AlpineRecipe | None = None) -> None:
        pinned = recipe or load_alpine_recipe(architecture="x86_64")
        self.recipe = replace(pinned, sha256=hashlib.sha256(base).hexdigest())
        self.files: dict[str, bytes | Callable[[BaseHTTPRequestHandler], None]] = {
            f"/{self.recipe.base}": base,
            self.index: index(self.recipe),
        }
        self.asked: list[str] = []
        self.over = threading.Event()
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.asked.append(self.path)
                body = mirror.files.get(self.path)
                if body is None:
                    self.send_error(404, "Not Found")
                elif callable(body):
                    body(self)
                else:
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def index(self) -> str:
        """Where the packages of the first repository are listed."""
        return f"/{self.recipe.branch}/main/x86_64/INDEX"

    def hang(self, path: str) -> None:
        """Never answer this path, until the mirror is closed."""
        self.files[path] = lambda _: self.over.wait(60) and None

    def wait_asked(self, path: str, seconds: float = 30.0) -> None:
        end = time.monotonic() + seconds
        while path not in self.asked:
            assert time.monotonic() < end, f"nobody asked for {path}: {self.asked}"
            time.sleep(0.02)

    def close(self) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def index(recipe: AlpineRecipe) -> bytes:
    """Each package of a recipe with a version, and its programs where Alpine has them."""

    def place(program: str) -> str:
        if "postgresql" in program:
            return f"/usr/libexec/postgresql17/{Path(program).name}"
        return program if program.startswith("/") else f"/usr/bin/{program}"

    lines = [
        f"{package.name} 1.{number}-r0 {' '.join(map(place, package.programs))}\n"
        for number, package in enumerate(recipe.packages)
    ]
    return "".join(lines).encode()
