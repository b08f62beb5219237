"""A pack on a computer without Rust, this one with cargo hidden: what the notebooks show runs there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import rust
from helpers.course import editions
from helpers.course.curriculum import Curriculum
from helpers.course.regions import Edition
from helpers.course.workspace import ENVIRONMENT, Workspace
from helpers.engines.base import Image
from helpers.image.cache import cache_folder
from helpers.rust import packs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("cargo")]

CHECKOUT = Path(__file__).resolve().parents[2]
RUST = ("cargo", "rustc")
INITLAB = Path(sys.executable).with_name("initlab")


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack by this computer's own Rust. Skips without one."""
    found = rust.availability()
    if not found.ok:
        pytest.skip(f"no Rust: {found.reason}; next: {found.mend}")
    path = tmp_path_factory.mktemp("pack") / "course.pack"
    packs.write(path, progress=False)
    return path


@pytest.fixture
def without_rust(tmp_path: Path, image: Image) -> dict[str, str]:
    """The environment of a computer on which there is no cargo, and nothing was built."""
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "images").symlink_to(cache_folder() / "images")
    path = [str(INITLAB.parent)]
    for number, folder in enumerate(map(Path, os.environ["PATH"].split(":"))):
        path.append(str(_mirror(folder, tmp_path / f"bin{number}")) if _has_rust(folder) else str(folder))
    hidden = {name: text for name, text in os.environ.items() if not name.startswith(("INITLAB", "PYTEST_"))}
    return {
        **hidden,
        "PATH": ":".join(path),
        "CARGO_HOME": str(tmp_path / "none"),
        "INITLAB_CACHE": str(cache),
    }


def _initlab(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [str(INITLAB), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env, cwd=CHECKOUT)


def _has_rust(folder: Path) -> bool:
    return any((folder / name).exists() for name in RUST)


def _mirror(folder: Path, mirror: Path) -> Path:
    """A folder with links to everything in the other one but Rust."""
    mirror.mkdir()
    for path in folder.iterdir():
        if path.name not in RUST:
            (mirror / path.name).symlink_to(path)
    return mirror


@pytest.mark.parametrize("name", ["phase3/06-supervisor-rs", "phase3/07-six-extensions"])
def test_the_notebooks_show_what_they_show_out_of_a_pack(
    pack: Path, without_rust: dict[str, str], tmp_path: Path, name: str
) -> None:
    """The learner edition runs to its end, and PID 1 in its sandboxes is what the pack has brought."""
    used = _initlab("rust", "use", str(pack), env=without_rust)
    assert used.returncode == 0, used.stderr
    workspace = Workspace(tmp_path / "workspace")
    workspace.state.mkdir(parents=True)
    path = workspace.root / "notebook.ipynb"
    path.write_bytes(editions.build(Curriculum.default().notebook(name), Edition.LEARNER))
    papermill = [
        sys.executable,
        "-m",
        "papermill",
        "--kernel",
        "python3",
        "--no-progress-bar",
        path,
        tmp_path / "done",
    ]
    env = {**without_rust, ENVIRONMENT: str(workspace.root), "JUPYTER_PREFER_ENV_PATH": "1"}
    ran = subprocess.run(papermill, capture_output=True, text=True, check=False, env=env, cwd=workspace.root)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-3000:]
    printed = json.dumps(json.loads((tmp_path / "done").read_text())["cells"])
    assert "this computer has no cargo" in printed
    assert '"start' in printed.replace("\\", "")  # an event of the supervisor's own
    assert "(out of a pack, by rustc" in printed or "not compiled: this computer has no cargo" in printed
    assert not (tmp_path / "cache" / "rust" / "work").exists(), "something was compiled"
