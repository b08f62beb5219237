"""Choosing an engine."""

from __future__ import annotations

import pytest

from helpers.engines import registry
from helpers.engines.base import Availability
from helpers.engines.docker import Docker
from helpers.engines.embedded import Embedded
from helpers.errors import EngineUnavailable

_NO = Availability(False, "it cannot", "mend it")


def test_engines_are_named_and_got_by_name() -> None:
    """The preferred one first; each under its own name."""
    assert registry.names() == ("embedded", "docker")
    assert [registry.get(name).name for name in registry.names()] == list(registry.names())


def test_an_engine_that_does_not_exist_is_named_with_those_that_do() -> None:
    """Raises `EngineUnavailable` for any other name."""
    with pytest.raises(EngineUnavailable, match="'vagrant'") as caught:
        registry.get("vagrant")
    assert caught.value.hint == "use one of: embedded, docker"


def test_the_best_engine_is_the_first_that_can_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Embedded if available, else Docker."""
    monkeypatch.delenv("INITLAB_ENGINE", raising=False)
    monkeypatch.setattr(Embedded, "availability", lambda self: Availability(True))
    monkeypatch.setattr(Docker, "availability", lambda self: Availability(True))
    assert registry.best().name == "embedded"
    monkeypatch.setattr(Embedded, "availability", lambda self: _NO)
    assert registry.best().name == "docker"


def test_the_engine_that_the_environment_names_is_taken_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `INITLAB_ENGINE`, the one it names or none: never another in its place."""
    monkeypatch.setattr(Embedded, "availability", lambda self: Availability(True))
    monkeypatch.setattr(Docker, "availability", lambda self: Availability(True))
    monkeypatch.setenv("INITLAB_ENGINE", "docker")
    assert registry.best().name == "docker"
    monkeypatch.setattr(Docker, "availability", lambda self: Availability(False, "no daemon", "start it"))
    with pytest.raises(EngineUnavailable, match="docker: no daemon") as caught:
        registry.best()
    assert caught.value.hint == "docker: start it"
    monkeypatch.setenv("INITLAB_ENGINE", "podman")
    with pytest.raises(EngineUnavailable, match="'podman'"):
        registry.best()


def test_where_no_engine_runs_the_reasons_and_mends_of_all_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Raises `EngineUnavailable` telling for each engine why it cannot, and the command that mends it."""
    monkeypatch.delenv("INITLAB_ENGINE", raising=False)
    monkeypatch.setattr(Embedded, "availability", lambda self: _NO)
    monkeypatch.setattr(Docker, "availability", lambda self: Availability(False, "no daemon", "start it"))
    with pytest.raises(EngineUnavailable) as caught:
        registry.best()
    assert "embedded: it cannot" in caught.value.message
    assert "docker: no daemon" in caught.value.message
    assert caught.value.hint == "either of: embedded: mend it; docker: start it"


def test_starting_on_an_engine_that_is_not_there_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    """`start` raises `EngineUnavailable` with the mend."""
    from pathlib import Path

    from helpers.engines.base import Image

    monkeypatch.setattr("helpers.engines.docker.find_daemon", lambda: ("", _NO))
    monkeypatch.setattr(Docker, "_connections", {})
    (Path(str(tmp_path)) / "usr").mkdir()
    with pytest.raises(EngineUnavailable, match="it cannot") as caught:
        Docker().start(Image(Path(str(tmp_path)), "0" * 64), ["/bin/true"])
    assert caught.value.hint == "mend it"
    assert Docker().sweep() == []
