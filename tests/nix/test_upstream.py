"""Originals fetched at pinned commits. The repositories here are made by the tests: no network is used."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.nix import upstream
from helpers.nix.upstream import SOURCES, Source, UpstreamError


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *words], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def original(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """A repository of three commits, the second of them pinned."""
    monkeypatch.setenv("INITLAB_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "original"
    folder.mkdir()
    git(folder, "init", "--quiet")
    for number in range(3):
        (folder / "default.nix").write_text(f"{{ version = {number}; }}\n")
        (folder / "link").unlink(missing_ok=True)
        (folder / "link").symlink_to("default.nix")
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "-m", str(number))
        if number == 1:
            commit = git(folder, "rev-parse", "HEAD")
    return Source("thing", (f"file://{folder}",), commit, "", "default.nix", "MIT", "a thing")


def test_the_pinned_commit_is_fetched_once(original: Source) -> None:
    """Not the newest; whole, without git's own folder; the second time nobody is asked."""
    assert upstream.find(original) is None
    folder = upstream.fetch(original)
    assert (folder / "default.nix").read_text() == "{ version = 1; }\n"
    assert not (folder / ".git").exists()
    assert upstream.find(original) == folder
    assert upstream.fetch(replace(original, urls=())) == folder


def test_an_abbreviated_commit_is_written_down_whole(original: Source) -> None:
    """What was pinned by seven digits is known by forty once it is here."""
    folder = upstream.fetch(replace(original, commit=original.commit[:7]))
    assert original.commit in (folder / ".initlab-upstream.json").read_text()


def test_what_was_changed_is_noticed(original: Source) -> None:
    """At each use; fetched again it is as it was."""
    folder = upstream.fetch(original)
    (folder / "default.nix").write_text("{ version = 666; }\n")
    with pytest.raises(UpstreamError, match="is not what was fetched"):
        upstream.find(original)
    assert (upstream.fetch(original, again=True) / "default.nix").read_text() == "{ version = 1; }\n"


def test_an_address_that_does_not_answer_is_followed_by_the_next(original: Source) -> None:
    """A mirror is as good: the commit's hash is the same."""
    with_dead = replace(original, urls=("https://127.0.0.1:1/x", *original.urls))
    assert upstream.fetch(with_dead).is_dir()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"urls": ("https://127.0.0.1:1/x",)}, "127.0.0.1"),
        ({"commit": "0" * 40}, "it has not the pinned commit"),
        ({"must_have": "six/mkService.nix"}, "has no six/mkService.nix"),
        ({"branch": "v9"}, "v9"),
    ],
)
def test_what_cannot_be_fetched_leaves_nothing(original: Source, change: dict[str, str], said: str) -> None:
    """The error names each address and why; the next command is there."""
    with pytest.raises(UpstreamError, match="could not be fetched") as caught:
        upstream.fetch(replace(original, **change))  # type: ignore[arg-type]
    assert said in caught.value.message
    assert "initlab upstream fetch thing" in caught.value.hint
    assert upstream.find(original) is None
    assert list(upstream._folder(original).parent.iterdir()) == []


def test_every_original_is_pinned() -> None:
    """By a commit, never by a branch alone; each with its licence."""
    for one in SOURCES:
        assert len(one.commit) >= 7
        assert set(one.commit) <= set("0123456789abcdef")
        assert all(url.startswith("https://") for url in one.urls)
        assert one.licence
    with pytest.raises(UpstreamError, match="no original 'nixos'") as caught:
        upstream.source("nixos")
    assert "sixos" in caught.value.hint
