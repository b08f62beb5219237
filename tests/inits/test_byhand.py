"""Service definitions by hand: a folder's files under a real init, and nothing of ours in their place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from helpers.engines.base import Image
from helpers.errors import LabError, RenderError
from helpers.inits import registry
from helpers.inits.byhand import HOMES, by_hand, given
from helpers.lab import STACKS, Lab
from helpers.manifest import load

from .machine import until

WEB = load(STACKS / "web" / "manifest.toml")


def write(folder: Path, init: str) -> Path:
    """The rendered service definitions as files of a folder, as somebody could have typed them."""
    for path, text in registry.get(init).render(WEB).tree.texts().items():
        if path.startswith(f"{HOMES[init]}/"):
            file = folder / path.removeprefix(f"{HOMES[init]}/")
            file.parent.mkdir(parents=True, exist_ok=True)
            # Rendered scripts use two things that are not given: a helper, and the logs' folders.
            text = re.sub(r"/etc/runit/wait-for (\w+) \d+", r"sv start ../\1", text)
            make = f"mkdir -p /var/log/lab/{file.parts[-3]}"
            file.write_text(text.replace("exec svlogd", f"{make}\nexec svlogd"))
            file.chmod(0o755)
    return folder


@pytest.mark.parametrize("init", HOMES)
def test_what_is_given_has_no_service_in_it(init: str) -> None:
    """PID 1's own files are there, the service definitions are not."""
    files = given(registry.get(init), WEB).texts()
    assert files
    assert not [path for path in files if path.startswith((f"{HOMES[init]}/", "/var/log"))]


def test_only_the_files_of_the_folder_are_the_services(tmp_path: Path) -> None:
    """What the folder lacks is not rendered; run bits are kept; copies kept beside are left out."""
    for name, mode in (("redis/run", 0o755), ("app/run", 0o644), ("app/run.1", 0o755), (".git/run", 0o755)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(mode)
    tree = by_hand("runit", tmp_path).render(WEB).tree
    services = {path: tree[path].mode for path in tree if path.startswith("/etc/service")}  # type: ignore[union-attr]
    assert services == {"/etc/service/app/run": 0o644, "/etc/service/redis/run": 0o755}


def test_an_empty_or_missing_folder_says_which_cells_fill_it(tmp_path: Path) -> None:
    """One message with the next step, no traceback of ours."""
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(LabError, match="no service definitions") as told:
            by_hand("runit", folder)
        assert "%%exercise" in told.value.hint


def test_an_init_without_such_a_folder_is_refused(tmp_path: Path) -> None:
    """The message names those that have one."""
    (tmp_path / "x").write_text("")
    with pytest.raises(RenderError):
        by_hand("no-such-init", tmp_path)


@pytest.mark.live
@pytest.mark.timeout(90)
@pytest.mark.parametrize("init", HOMES)
def test_a_lab_boots_with_files_written_by_hand(init: str, image: Image, tmp_path: Path) -> None:
    """Everything of a lab works: ready, status, logs, kill, restart, and the init's own commands."""
    with Lab("web", init=by_hand(init, write(tmp_path, init)), image=image) as lab:
        lab.ready()
        assert lab.http("nginx").status == 200
        # Ready is what the check from outside says; the init may learn it a moment later.
        until(
            lambda: {row.state for row in lab.init.status(lab.sandbox, lab.manifest)} == {"up"},
            "every service is up",
        )
        assert any(line.get("event") == "request" for line in lab.logs("app").json())
        old = lab.kill("app")
        assert lab.wait_restarted("app", old) != old
