"""SixOS as data: every statement cited, nothing named that is not there; and what is made of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from helpers.sixos import CLASSES, FEATURES, QUESTIONS, SENTENCES, SixOSError, analysis, configuration, load
from helpers.sixos.data import FILE

SIXOS = load()


def altered(tmp_path: Path, change: str, by: str) -> Path:
    """The file of facts with one word of it changed."""
    text = FILE.read_text(encoding="utf-8")
    assert change in text
    file = tmp_path / "facts.json"
    file.write_text(text.replace(change, by, 1), encoding="utf-8")
    return file


def test_every_statement_cites_a_file() -> None:
    """A path each; and a commit, where the source is a repository of code."""
    for fact in SIXOS.facts.values():
        assert fact.path, fact
        if fact.path.endswith((".nix", ".md")):
            assert re.fullmatch(r"[0-9a-f]{7}|[0-9a-f]{40}", fact.source.commit), fact


def test_a_service_that_was_read_names_the_commit_or_says_that_it_is_unknown() -> None:
    """Nothing is cited as if it had been read somewhere it was not."""
    unknown = {one.name for one in SIXOS.services.values() if not one.source.commit}
    assert unknown == {"mount", "hwclock"}
    assert all("unknown" in SIXOS.services[name].source.repository for name in unknown)


def test_no_more_services_are_named_than_the_tree_has() -> None:
    """The count of the pinned commit stands beside what could be read."""
    assert SIXOS.about["services_upstream"] == 36
    assert 0 < len(SIXOS.services) < 36


def test_the_base_graph_names_services_that_were_read() -> None:
    """No target is a call of a service that nobody has seen."""
    called = {one.service for one in SIXOS.targets.values() if one.service}
    assert called <= SIXOS.services.keys()
    for target in SIXOS.targets.values():
        assert (target.kind == "bundle") == (not target.service)
        if target.service:
            assert target.kind in SIXOS.services[target.service].kinds


def test_only_longruns_have_loggers() -> None:
    """As add-loggers has it."""
    assert all((one.logger is not None) == (one.kind == "longrun") for one in SIXOS.targets.values())


@pytest.mark.parametrize(
    ("change", "by", "told"),
    [
        ('"after": ["mdevd"], "before"', '"after": ["mdev"], "before"', "no such target"),
        ('"source": "conf"', '"source": "config"', "there is none"),
        ('"missing": ["F39"', '"missing": ["F99"', "no such fact"),
        ('"logger": "uncaught"', '"logger": "none"', "not described"),
        ("{", "", "cannot be read"),
    ],
)
def test_a_file_that_does_not_hold_together_is_refused(
    change: str, by: str, told: str, tmp_path: Path
) -> None:
    """The message says who names what."""
    text = FILE.read_text(encoding="utf-8")
    if "mdevd" in change:  # in the targets, and not in the list of services
        head, tail = text.split('"targets"')
        file = tmp_path / "facts.json"
        assert change in tail
        file.write_text(f'{head}"targets"{tail.replace(change, by, 1)}', encoding="utf-8")
    else:
        file = altered(tmp_path, change, by)
    with pytest.raises(SixOSError, match=told):
        load(file)


def test_facts_are_found_by_a_word_of_their_text_or_path() -> None:
    """In whatever case; all without a word."""
    assert [fact.id for fact in SIXOS.facts.about("LIBUDEV-zero").values()] == ["F29"]
    assert {fact.path for fact in SIXOS.facts.about("six/mkservice").values()} >= {"six/mkService.nix"}
    assert len(SIXOS.facts.about()) == len(SIXOS.facts)
    assert str(SIXOS.facts.about("no such word at all")) == "no fact has such a word"


def test_the_table_of_facts_escapes_what_it_shows() -> None:
    """A `<` of a fact is a letter."""
    from helpers.sixos.data import Fact, Facts, Source

    shown = Facts({"F1": Fact("F1", "a <b> & c", Source("r", "c", "p<q>.nix"))})._repr_html_()
    assert "a &lt;b&gt; &amp; c" in shown
    assert "p&lt;q&gt;.nix" in shown


def test_a_graph_is_a_new_copy_each_time() -> None:
    """What is done to one does not reach the next."""
    SIXOS.graph()["targets"]["sshd"]["after"].append("nothing")
    assert SIXOS.graph()["targets"]["sshd"]["after"] == []
    json.dumps(SIXOS.graph())


def test_the_drawing_has_every_target_and_every_edge() -> None:
    """As written; and with other edges over it."""
    drawn = SIXOS.drawing()
    assert set(drawn.nodes) == set(SIXOS.targets)
    assert ("mdevd", "mounts.sys", "after") in drawn.edges
    assert ("global.coldplug", "mdevd-coldplug", "before") in drawn.edges
    assert ("default", "sshd", "holds") in drawn.edges
    other = SIXOS.drawing({"sshd": ["sshd-log"], "sshd-log": []})
    assert (other.nodes, other.edges) == (
        {"sshd": "longrun", "sshd-log": "logger"},
        [("sshd", "sshd-log", "after")],
    )
    assert next(iter(SIXOS.boot_chain().nodes)) == "kernel"


def test_a_drawing_is_told_in_words_too() -> None:
    """For a terminal, for a screen reader, and where Graphviz is not installed."""
    drawn = SIXOS.drawing()
    assert "mdevd (longrun): after mounts.sys, after mounts.dev.pts" in str(drawn)
    shown = drawn._repr_mimebundle_()
    assert shown["text/plain"] == str(drawn)
    if "image/svg+xml" in shown:
        assert shown["image/svg+xml"].startswith("<svg")
        assert "<desc>" in shown["image/svg+xml"]


def test_without_graphviz_a_drawing_is_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is missing but the picture."""
    monkeypatch.setenv("PATH", "/nowhere")
    assert set(SIXOS.drawing()._repr_mimebundle_()) == {"text/plain"}


def test_the_analysis_writes_every_citation_out() -> None:
    """Answers, classes, counts, what is missing."""
    page = analysis(
        SIXOS,
        {"ownerboot": ("below", ["F47"])},
        {"closure": ("preserved", "F50")},
        {"longrun": 5},
        needs={"sshd": ["mounts."], "lone": []},
        refuted={"vm": "F55"},
    )
    assert page.startswith("# SixOS Architecture Analysis\n")
    assert QUESTIONS["ownerboot"].answers["below"] in page
    assert f"(F47, `{SIXOS.facts['F47'].source}`)" in page
    assert f"| {FEATURES['building']['closure']} | preserved | {SIXOS.facts['F50'].says}" in page
    assert "| sshd | mounts. |" in page
    assert "| lone | nothing |" in page
    assert f"“{SENTENCES['vm']}” {SIXOS.facts['F55'].says}" in page
    assert page.count("Not answered yet.") == len(QUESTIONS) - 1
    assert all(fact.says in page for fact in SIXOS.missing)
    for row in (*SIXOS.subsystems, *SIXOS.risks):
        assert f"**{row['name']}**" in page
        assert all(SIXOS.facts[one].says in page for one in row["facts"])


@pytest.mark.parametrize(
    ("answers", "features", "told"),
    [
        ({"ownerboot": ("above", ["F47"])}, {}, "no answer 'above'"),
        ({"ownerboot": ("below", ["F99"])}, {}, "no fact 'F99'"),
        ({}, {"closure": ("kept", "F50")}, "no class 'kept'"),
        ({}, {"closure": ("new", "F0")}, "no fact 'F0'"),
    ],
)
def test_an_analysis_with_what_is_not_there_is_refused(
    answers: dict[str, tuple[str, list[str]]], features: dict[str, tuple[str, str]], told: str
) -> None:
    """The message names it."""
    with pytest.raises(SixOSError, match=told):
        analysis(SIXOS, answers, features, {})


def test_there_are_six_questions_of_four_answers_and_twenty_features() -> None:
    """What the deliverable is made of."""
    assert len(QUESTIONS) == 6
    assert all(len(question.answers) == 4 for question in QUESTIONS.values())
    assert sum(map(len, FEATURES.values())) == 20
    assert len(CLASSES) == 3


def test_a_configuration_has_every_target_with_its_logger() -> None:
    """And the command that a oneshot is given."""
    text = configuration(SIXOS.graph(), up={"mounts.": "false"})
    assert 'targets."mounts"."" = _: final.six.mkOneshot { name = "mounts"; up = "false"' in text
    assert text.count("mkFunnel { name") == sum(one.kind == "longrun" for one in SIXOS.targets.values())
    assert text.count("logger = final.six.logger-uncaught") == 1
