"""The live directory: which database counts, and which of its services are up.

/run/s6-rc/compiled           a link to the database; an update moves it, which is one atomic rename
/run/s6-rc/scandir            a link to s6-svscan's scan directory
/run/s6-rc/servicedirs/NAME   the service directories, linked into the scan directory
/run/s6-rc/pipes/NAME         what a pipeline's consumer reads
/run/s6-rc/state              the names of the services that are up
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from s6rc import Failure
from s6rc.database import Database, Service, load

LIVE = Path("/run/s6-rc")
# execlineb and the programs its scripts are made of; Debian keeps the latter in a folder of their own.
PATH = "/usr/lib/execline/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass
class Live:
    """An open live directory."""

    path: Path
    database: Database

    def up(self) -> set[str]:
        """The services that are up, as the state file has it."""
        return set((self.path / "state").read_text().splitlines()) & set(self.database.services)

    def set_up(self, name: str, up: bool) -> None:
        """Write the state anew: a new file and a rename, so that it is whole at any time."""
        names = self.up() | {name} if up else self.up() - {name}
        write_state(self.path, names)

    def really_up(self) -> set[str]:
        """The same as s6-supervise has it: a longrun whose finish script ended with 125 is down."""
        found = {name for name in self.up() if self.database.services[name].kind == "oneshot"}
        for name in (n for n, s in self.database.services.items() if s.kind == "longrun"):
            said = subprocess.run(
                ["s6-svstat", "-o", "wantedup", self.servicedir(name)], capture_output=True, text=True
            )
            found |= {name} if said.stdout.strip() == "true" else set()
        return found

    def servicedir(self, name: str) -> Path:
        return self.path / "servicedirs" / name

    def transition(self, name: str, up: bool) -> str:
        """Bring one service up or down and wait until it is; what went wrong, or nothing."""
        service = self.database.services[name]
        timeout = service.timeout_up if up else service.timeout_down
        act = self._longrun if service.kind == "longrun" else self._oneshot
        return act(name, service, up, timeout)

    def _longrun(self, name: str, service: Service, up: bool, timeout: int) -> str:
        """s6-svc does it, and waits: for readiness where the service tells it, else for the process.

        The file `down` keeps s6-supervise, should it be started again, from starting what shall be down."""
        folder = self.servicedir(name)
        down = folder / "down"
        if up:
            down.unlink(missing_ok=True)
            options = ["-uwU" if (folder / "notification-fd").exists() else "-uwu"]
        else:
            down.touch()
            options = ["-dwD"]
        done = subprocess.run(
            ["s6-svc", *options, "-T", str(timeout), folder], capture_output=True, text=True
        )
        if done.returncode == 0:
            return ""
        if up:  # not ready, or it will never be: what is not up shall be down
            down.touch()
            subprocess.run(["s6-svc", "-d", folder], check=False)
        what = "did not get ready" if up else "did not end"
        return (
            f"{what} in {timeout} ms" if timeout and done.returncode == 99 else (done.stderr.strip() or what)
        )

    def _oneshot(self, name: str, service: Service, up: bool, timeout: int) -> str:
        script = self.database.path / "scripts" / name / ("up" if up else "down")
        if not script.exists() or not script.read_text().strip():
            return ""
        command = ["execlineb", "-P", str(script)]
        environment = {"PATH": PATH}
        # A process group of its own: at a timeout all of it ends.
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, cwd="/", env=environment, start_new_session=True
        )
        try:
            code = child.wait(timeout / 1000 if timeout else None)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, 9)
            child.wait()
            return f"its {script.name} script did not end in {timeout} ms"
        return "" if code == 0 else f"its {script.name} script ended with {code}"


def write_state(folder: Path, names: set[str]) -> None:
    draft = folder / ".state"
    draft.write_text("".join(f"{name}\n" for name in sorted(names)))
    draft.rename(folder / "state")


@contextmanager
def opened(path: Path, lock: bool, block: bool = False) -> Iterator[Live]:
    """The live directory; with `lock` for this process alone, with `block` after waiting for others.

    Who only looks needs no lock: the state file is whole at any time. Raises `Failure`: 4 where there is
    none, 111 where it is in use.
    """
    try:
        descriptor = os.open(path / "lock", os.O_RDONLY)
    except OSError:
        raise Failure(f"{path} is not a live directory; next: s6-rc-init SCANDIR", 4) from None
    try:
        if lock:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if block else fcntl.LOCK_NB))
        yield Live(path, load(path / "compiled"))
    except BlockingIOError:
        raise Failure(f"{path} is in use by another change; -b waits for it", 111) from None
    finally:
        os.close(descriptor)


def init(path: Path, compiled: Path, scandir: Path, timeout: int) -> None:
    """Make the live directory, all services down, and have s6-svscan supervise every longrun."""
    database = load(compiled)
    try:
        (path / "servicedirs").mkdir(parents=True)
    except FileExistsError:
        raise Failure(f"{path} exists already: s6-rc-init runs once a boot", 111) from None
    (path / "pipes").mkdir()
    (path / "lock").touch()
    (path / "compiled").symlink_to(compiled.resolve())
    (path / "scandir").symlink_to(scandir)
    write_state(path, set())
    longruns = [name for name, service in database.services.items() if service.kind == "longrun"]
    add_longruns(path, database, longruns, timeout)


def add_longruns(live: Path, database: Database, names: list[str], timeout: int) -> None:
    """Service directories of the database, copied to where s6-supervise may write, and linked into the scan
    directory; down, until someone brings them up. Waits for the s6-supervise of each."""
    make_pipes(live, database)
    for name in names:
        target = live / "servicedirs" / name
        shutil.copytree(database.path / "servicedirs" / name, target)
        for folder in [target, *(p for p in target.rglob("*") if p.is_dir())]:
            folder.chmod(0o755)  # a store's are read-only
        (target / "down").touch()
        (live / "scandir" / name).symlink_to(target)
    rescan(live, names, timeout)


def make_pipes(live: Path, database: Database) -> None:
    for consumer in {service.consumer for service in database.services.values() if service.consumer}:
        if not (live / "pipes" / consumer).exists():
            os.mkfifo(live / "pipes" / consumer, 0o600)


def rescan(live: Path, names: list[str], timeout: int) -> None:
    """Have s6-svscan look at its scan directory, and wait for the s6-supervise of each name."""
    scandir = live / "scandir"
    done = subprocess.run(["s6-svscanctl", "-a", scandir], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f"no s6-svscan runs on {scandir.resolve()}: {done.stderr.strip()}", 111)
    end = time.monotonic() + timeout / 1000 if timeout else None
    left = names
    while left := [name for name in left if subprocess.run(["s6-svok", scandir / name]).returncode != 0]:
        if end is not None and time.monotonic() > end:
            raise Failure(f"no s6-supervise for {', '.join(left)} within {timeout} ms", 111)
        time.sleep(0.01)
