"""The second half of scripts/setup: .venv from the lock, the project in it, and the lab image beside.

usage: scripts/environment.py workshop|dev      (standard library only; run by any Python ≥ 3.11)

Knows when there is nothing to do from a stamp in .venv (what was installed, from which lock, by which Python)
and from a look at every installed file; an environment that was interrupted or damaged is made again.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import IO, NoReturn

CHECKOUT = Path(__file__).resolve().parents[1]
VENV = CHECKOUT / ".venv"
LOGS = CHECKOUT / "build" / "logs"
STAMP = VENV / "initlab-setup.json"

# All the lab image's builder needs, so that it runs while the rest is installed.
BUILDER_NEEDS = ("filelock", "platformdirs")

_started = time.monotonic()


def say(text: str) -> None:
    """A line of progress, with the seconds since the start."""
    print(f"setup: {time.monotonic() - _started:5.1f} s  {text}", flush=True)


def stop(text: str, hint: str) -> NoReturn:
    """End with a message and the next command."""
    print(f"setup: {text}\n  next: {hint}", file=sys.stderr)
    sys.exit(1)


def wanted_stamp(what: str) -> dict[str, str]:
    """What the stamp must say for there to be nothing to install."""
    return {
        "what": what,
        "lock": _digest(lock_of(what)),
        "project": _digest(CHECKOUT / "pyproject.toml"),
        # An environment's scripts hold the path of its own interpreter.
        "checkout": str(CHECKOUT),
    }


def lock_of(what: str) -> Path:
    """The lock file of an extra."""
    return CHECKOUT / "requirements" / f"{what}.lock"


def installed_as() -> str:
    """`workshop` or `dev`: what the environment was last made for; empty when that is not known."""
    try:
        what = json.loads(STAMP.read_text())["what"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return what if what in ("workshop", "dev") else ""


def fault(what: str) -> str:
    """Why the environment is not what `what` needs, as words; empty when it is."""
    if not VENV.exists():
        return "there is none"
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return "it was never finished"
    wanted = wanted_stamp(what)
    for key, reason in (
        ("checkout", "the folder was moved"),
        ("what", f"it was made for {stamp.get('what')}"),
        ("lock", "the lock changed"),
        ("project", "pyproject.toml changed"),
    ):
        if stamp.get(key) != wanted[key]:
            return reason
    site = site_packages()
    if site is None:
        return "its interpreter does not run"
    return damage(site)


def site_packages() -> Path | None:
    """The environment's folder of packages, if its interpreter runs and has one."""
    try:
        probe = subprocess.run(
            [VENV / "bin/python", "-I", "-S", "-c", "import sys; print(sys.version_info.minor)"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    site = VENV / "lib" / f"python3.{probe.stdout.strip()}" / "site-packages"
    return site if site.is_dir() else None


def damage(site: Path) -> str:
    """The first installed file that is missing, as words: each package lists its own in RECORD."""
    for package in importlib.metadata.distributions(path=[str(site)]):
        name = package.metadata["Name"]
        record = package.read_text("RECORD")
        if record is None:
            return f"{name} was half installed"
        for line in record.splitlines():
            path, _, size = line.rsplit(",", 2) if not line.startswith('"') else ("", "", "")
            if not path or path.endswith(".pyc"):
                continue
            try:
                found = os.stat(os.path.join(site, path)).st_size
            except OSError:
                return f"{name}: {path} is missing"
            if size and int(size) != found:
                return f"{name}: {path} was changed"
    return ""


def install(what: str) -> None:
    """Make the environment, keeping what is sound of an old one."""
    reason = fault(what)
    if reason and VENV.exists():
        site = site_packages()
        # An interrupted installation goes on where it stopped, unless it stopped inside a package.
        reusable = site is not None and (site / "pip").is_dir() and not damage(site) and "moved" not in reason
        if not reusable:
            say(f"making the Python environment again: {reason}")
            shutil.rmtree(VENV)
        else:
            say(f"bringing the Python environment up to date: {reason}")
    if not VENV.exists():
        say(f"making a Python environment (.venv, Python {'.'.join(map(str, sys.version_info[:3]))})")
        run([sys.executable, "-m", "venv", str(VENV)], "setup-venv.log", "no environment could be made")
    STAMP.unlink(missing_ok=True)


def pip(arguments: list[str], log: str, total: int = 0) -> None:
    """Run the environment's pip, telling how far it is."""
    command = [str(VENV / "bin/python"), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    process = subprocess.Popen(
        [*command, "install", "--progress-bar", "off", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=CHECKOUT,
        env=clean_environment(),
    )
    assert process.stdout is not None  # noqa: S101 - for the type checker
    seen, told, tail = 0, 0, [""]
    with (LOGS / log).open("w") as record:
        for line in process.stdout:
            record.write(line)
            tail = [*tail[-5:], line.rstrip()]
            if line.startswith(("Collecting ", "Requirement already satisfied: ")) and total:
                seen += 1
                if 4 * seen // total > told and seen < total:
                    told = 4 * seen // total
                    say(f"Python packages: {seen} of {total} fetched")
            elif line.startswith("Installing collected packages"):
                say("Python packages: installing")
    if process.wait() != 0:
        errors = [line for line in tail if line.startswith("ERROR")] or tail[-1:]
        stop(f"pip: {errors[0]}\n  log: {LOGS / log}", "check the network, then run this again")


def clean_environment() -> dict[str, str]:
    """Ours, without what would send pip or Python elsewhere than to .venv."""
    astray = {"PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON"}
    return {name: value for name, value in os.environ.items() if name not in astray} | {"PIP_USER": "0"}


def run(command: list[str], log: str, failed: str) -> None:
    """Run a quiet command, its output in a log."""
    env = clean_environment()
    with (LOGS / log).open("w") as record:
        status = subprocess.run(
            command, stdout=record, stderr=subprocess.STDOUT, cwd=CHECKOUT, env=env, check=False
        )
    if status.returncode != 0:
        stop(f"{failed}\n  log: {LOGS / log}", "read the log, then run this again")


def base_lock(lock: str) -> str:
    """The part of a lock the image's builder needs."""
    blocks = re.split(r"\n(?=[a-z0-9])", lock)
    return "\n".join(block for block in blocks if re.match(rf"({'|'.join(BUILDER_NEEDS)})==", block)) + "\n"


def start_image() -> subprocess.Popen[str]:
    """Check, and if need be build, the lab image, beside everything else."""
    code = (
        "import sys\n"
        "from helpers.errors import InitlabError\n"
        "from helpers.image.api import ensure\n"
        "try:\n    ensure()\n"
        "except InitlabError as error:\n    sys.exit(str(error))\n"
    )
    return subprocess.Popen(
        [VENV / "bin/python", "-c", code],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=CHECKOUT,
        env={**clean_environment(), "PYTHONPATH": str(CHECKOUT)},
    )


def finish_image(image: subprocess.Popen[str], teller: Thread, lines: list[str]) -> None:
    """Wait for the lab image."""
    if image.wait() == 0:
        teller.join()
        return
    teller.join()
    print("\n".join(line for line in lines[-8:] if not line.startswith("lab image: ready")), file=sys.stderr)
    stop("the lab image is not there", "mend what is told above, then run this again")


def tell(stream: IO[str], lines: list[str]) -> None:
    """Pass the image's progress on."""
    for line in stream:
        text = line.rstrip()
        lines.append(text)
        if text.startswith("lab image: ") and "\n" not in text:
            say(text)


@contextmanager
def alone() -> Iterator[None]:
    """One set-up at a time in a checkout."""
    with (CHECKOUT / "build" / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another set-up is at work here; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main(what: str) -> int:
    """Set up; returns the exit status."""
    LOGS.mkdir(parents=True, exist_ok=True)
    with alone():
        # Who asked for dev once keeps it: it holds all of workshop.
        if installed_as() == "dev":
            what = "dev"
        reason = fault(what)
        if reason:
            install(what)
            (CHECKOUT / "build" / "builder.lock").write_text(base_lock(lock_of(what).read_text()))
            pip(["--require-hashes", "--requirement", "build/builder.lock"], "setup-pip-builder.log")
        image = start_image()
        assert image.stderr is not None  # noqa: S101 - for the type checker
        lines: list[str] = []
        teller = Thread(target=tell, args=(image.stderr, lines), daemon=True)
        teller.start()
        try:
            if reason:
                lock = lock_of(what).read_text()
                total = len(re.findall(r"^[a-z0-9].*==", lock, re.MULTILINE))
                pip(
                    ["--require-hashes", "--requirement", f"requirements/{what}.lock"], "setup-pip.log", total
                )
                pip(
                    ["--no-deps", "--no-build-isolation", "--no-index", "--editable", "."],
                    "setup-project.log",
                )
                site = site_packages()
                broken = "its interpreter does not run" if site is None else damage(site)
                if broken:
                    stop(f"the environment came out broken: {broken}", "rm -r .venv, then run this again")
                STAMP.write_text(json.dumps(wanted_stamp(what), indent=2))
                say("Python packages: done")
            finish_image(image, teller, lines)
        finally:
            if image.poll() is None:
                image.terminate()
                image.wait()
    say("everything is set up" if reason or lines else "nothing to do")
    return 0


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    if sys.version_info < (3, 11) or len(sys.argv) != 2 or sys.argv[1] not in ("workshop", "dev"):
        sys.exit("usage: scripts/environment.py workshop|dev   (with Python 3.11 or newer)")
    try:
        sys.exit(main(sys.argv[1]))
    except KeyboardInterrupt:
        sys.exit(130)
