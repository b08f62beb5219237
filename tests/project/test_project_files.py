"""The project's own files hold together: locks, Makefile, scripts, README, what is committed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import typer.main
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .conftest import CHECKOUT, committed

EXTRAS = ("workshop", "dev")


def locked(extra: str) -> dict[str, set[str]]:
    """Package → versions in the lock of an extra (several where Python versions differ)."""
    pins: dict[str, set[str]] = {}
    text = (CHECKOUT / "requirements" / f"{extra}.lock").read_text()
    for name, version in re.findall(r"^([a-z0-9][a-z0-9.-]*)==(\S+)", text, re.MULTILINE):
        pins.setdefault(name, set()).add(version)
    return pins


def declared(extra: str) -> list[Requirement]:
    """What pyproject.toml asks for, with the extras an extra includes."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    asked = [Requirement(text) for text in project["dependencies"]]
    for requirement in map(Requirement, project["optional-dependencies"][extra]):
        if requirement.name == project["name"]:
            asked += [found for name in requirement.extras for found in declared(name)]
        else:
            asked.append(requirement)
    return asked


@pytest.mark.parametrize("extra", EXTRAS)
def test_a_lock_names_no_host_and_no_index(extra: str) -> None:
    """No index URLs inside, no host names: packages come from where the computer is set up to fetch them."""
    text = (CHECKOUT / "requirements" / f"{extra}.lock").read_text()
    assert not re.findall(r"://|--(?:extra-)?index|--find-links|--trusted-host|\.(?:org|com|io|net)\b", text)


@pytest.mark.parametrize("extra", EXTRAS)
def test_every_locked_package_is_pinned_and_hashed(extra: str) -> None:
    """pip's --require-hashes refuses anything else."""
    text = (CHECKOUT / "requirements" / f"{extra}.lock").read_text()
    blocks = [block for block in re.split(r"\n(?=[a-z0-9])", text) if not block.startswith("#")]
    assert len(blocks) > 50
    for block in blocks:
        assert re.match(r"[a-z0-9.-]+==\S+ ; .*\\\n", block), block.splitlines()[0]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block.splitlines()[0]


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_locks_satisfy_the_project(extra: str) -> None:
    """Whoever changes pyproject.toml runs `make lock`; the build backend is in the lock too."""
    pins = locked(extra)
    build = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["build-system"]["requires"]
    for requirement in [*declared(extra), *map(Requirement, build)]:
        versions = pins.get(canonicalize_name(requirement.name), set())
        assert versions, f"{requirement.name} is not in {extra}.lock: make lock"
        for version in versions:
            assert requirement.specifier.contains(version, prereleases=True), f"{requirement}: make lock"


def test_an_environment_made_for_dev_serves_the_workshop_too() -> None:
    """The workshop's lock is held to dev's versions."""
    workshop, dev = locked("workshop"), locked("dev")
    assert {name: versions for name, versions in workshop.items() if dev.get(name) != versions} == {}


def test_make_explains_every_target() -> None:
    """`make` prints help from the `##` comments; no target is left out."""
    makefile = (CHECKOUT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    phony = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE).group(1).split())  # type: ignore[union-attr]
    shown = subprocess.run(["make"], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    assert targets == phony
    assert set(re.findall(r"^  make ([a-z]+) +\S", shown, re.MULTILINE)) == targets
    assert {"lab", "test", "quick", "setup", "lint", "vet", "bench", "image", "lock", "clean"} <= targets


def shell_scripts() -> list[Path]:
    """The committed scripts that say a shell runs them, but for templates, which hold places to be filled."""
    ours = [path for path in committed() if path.relative_to(CHECKOUT).parts[0] in ("scripts", ".ci", "labs")]
    texts = {path: path.read_bytes() for path in ours}
    shell = re.compile(rb"#!\S*/(?:env )?(?:ba)?sh\b")
    return [
        path for path, text in texts.items() if shell.match(text) and not re.search(rb"[@ ]\{[a-z]+\}", text)
    ]


def test_shell_scripts_have_no_findings() -> None:
    """Scripts pass shellcheck (but for files of the image, which it cannot follow), and may be executed."""
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed: apt-get install shellcheck")
    scripts = [path for path in shell_scripts() if "inits" not in path.parts]
    assert CHECKOUT / "scripts/setup" in scripts
    assert CHECKOUT / ".ci/run" in scripts
    command = ["shellcheck", "--exclude=SC1091", *map(str, scripts)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout
    assert [path for path in scripts if not os.access(path, os.X_OK)] == []


def test_ci_runs_what_a_developer_runs() -> None:
    """`.ci/run` calls `make test` and nothing of its own."""
    lines = (CHECKOUT / ".ci/run").read_text().splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert [line for line in lines[1:] if line and not line.startswith(("#", "set ", "cd "))] == ["make test"]


def test_nothing_committed_names_a_person_or_a_place() -> None:
    """No committed file holds an absolute path of a home folder, of this checkout or of its environment."""
    places = [rf"{re.escape(str(CHECKOUT))}(?![\w-])", r"/home/[a-z]+/", r"/Users/[A-Za-z]+/"]
    pattern = re.compile("|".join(places).encode())
    # `/` and folders like /src would match by accident.
    assert len(CHECKOUT.parts) > 2
    guilty = {
        str(path.relative_to(CHECKOUT)): found.group()
        for path in committed()
        if path != Path(__file__).resolve() and (found := pattern.search(path.read_bytes()))
    }
    assert guilty == {}


def test_nothing_committed_names_a_registry() -> None:
    """Packages come from where the computer's own settings say."""
    hosts = (
        "deb.debian" + ".org",
        "pypi" + ".org",
        "pythonhosted" + ".org",
        "npmjs" + ".com",
        "crates" + ".io",
    )
    pattern = re.compile("|".join(map(re.escape, hosts)).encode())
    # cargo's own name for its default registry in every Cargo.lock; where it fetches from is set elsewhere.
    index = re.compile(
        b'^source = "registry[+]https://github.com/rust-lang/' + b'crates[.]io-index"$', re.MULTILINE
    )

    def text(path: Path) -> bytes:
        return index.sub(b"", path.read_bytes()) if path.name == "Cargo.lock" else path.read_bytes()

    guilty = [str(path.relative_to(CHECKOUT)) for path in committed() if pattern.search(text(path))]
    assert guilty == []


def test_the_readme_says_only_what_is_there() -> None:
    """Every `make` target, `initlab` command, folder and link of the README exists."""
    readme = (CHECKOUT / "README.md").read_text()
    makefile = (CHECKOUT / "Makefile").read_text()
    for target in re.findall(r"(?:^    |`)make ([a-z]+)", readme, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target}"
    for link in re.findall(r"\]\(([^)#:]+)\)", readme):
        assert (CHECKOUT / link).exists(), link
    for folder in re.findall(r"^\| `([a-z]+)/`", readme, re.MULTILINE):
        assert (CHECKOUT / folder).is_dir(), folder
    from helpers.cli import build

    commands = typer.main.get_command(build()).commands  # type: ignore[attr-defined]
    for command in re.findall(r"(?:^    |`)initlab ([a-z0-9]+)", readme, re.MULTILINE):
        assert command in commands, f"initlab {command}"


def test_both_licences_are_here() -> None:
    """Apache-2.0 or MIT, as the user chooses."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    assert project["license"] == "Apache-2.0 OR MIT"
    for name, words in (
        ("LICENSE-APACHE", "Apache License"),
        ("LICENSE-MIT", "Permission is hereby granted"),
    ):
        assert name in project["license-files"]
        assert words in (CHECKOUT / name).read_text()


def test_decisions_are_numbered_without_gaps_or_doubles() -> None:
    """docs/adr: one file for each decision, numbered, with date and status."""
    decisions = sorted((CHECKOUT / "docs/adr").glob("[0-9]*.md"))
    numbers = [int(path.name[:4]) for path in decisions]
    assert len(set(numbers)) == len(numbers)
    for path, number in zip(decisions, numbers, strict=True):
        text = path.read_text()
        assert text.startswith(f"# {number}. "), path.name
        assert re.search(r"^Date: \d{4}-\d\d-\d\d\. Status: (accepted|superseded)", text, re.MULTILINE), (
            path.name
        )
        assert "## Consequences" in text, path.name
