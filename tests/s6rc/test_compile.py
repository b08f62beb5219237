"""Compiling s6-rc's source format: what is refused, with which words, and what the database holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .sources import Sources, bundle, longrun, oneshot, write

# isort: split
from s6rc import Failure, change, update  # the folder is put on the path by `sources`
from s6rc.database import Database, Service, compile_sources, load


def made(tmp_path: Path, services: Sources, name: str = "db") -> Database:
    return compile_sources(tmp_path / name, [write(tmp_path / f"{name}-source", services)])


PIPE: Sources = {
    "app": longrun(producer_for="app-log"),
    "app-log": longrun(consumer_for="app", pipeline_name="app-pipe"),
}


@pytest.mark.parametrize(
    ("services", "says"),
    [
        ({"a": {"type": "demon"}}, "a/type: 'demon' is none of longrun, oneshot, bundle"),
        ({"a": {"run": "x"}}, "a/type: '' is none of longrun, oneshot, bundle"),
        ({"a": {"type": "longrun ", "run": "x"}}, "a/type: 'longrun ' is none of"),
        ({"a": {"type": "bundle"}}, "a: a bundle has a directory contents.d"),
        ({"a": {"type": "longrun"}}, "a: a longrun has a file run"),
        ({"a": {"type": "oneshot"}}, "a: a oneshot has a file up"),
        ({"a": longrun(needs="nonesuch")}, "a names nonesuch, and no source defines it"),
        ({"a": bundle("nonesuch")}, "a names nonesuch, and no source defines it"),
        ({"s6rc-a": longrun()}, "'s6rc-a' cannot be the name of a service"),
        ({"a": longrun(timeout_up="soon")}, "a/timeout-up: 'soon' is not a number"),
        ({"a": longrun(timeout_up="1 ")}, "a/timeout-up: '1 ' is not a number"),
        ({"a": longrun(timeout_up="4294967296")}, "a/timeout-up: '4294967296' is not a number"),
        ({"a": oneshot("if { true echo a")}, "a/up: a { that nothing closes"),
        ({"a": oneshot("echo a }")}, "a/up: a } that closes nothing"),
        ({"a": oneshot("true", down='echo "a')}, 'a/down: a " that nothing ends'),
        ({"a": longrun(needs="b"), "b": longrun(needs="c"), "c": longrun(needs="a")}, "a → b → c → a"),
        ({"a": longrun(needs="a")}, "a → a"),
        ({"a": longrun(needs="all"), "all": bundle("a")}, "a → a"),
        ({"a": bundle("b"), "b": bundle("a")}, "bundles contain each other: a → b → a"),
        ({"a": longrun(producer_for="b")}, "a/producer-for: b is no longrun of these sources"),
        ({"a": longrun(producer_for="b"), "b": longrun()}, "b/consumer-for does not name a"),
        ({"a": longrun(), "b": longrun(consumer_for="a")}, "a/producer-for does not name b"),
        (PIPE | {"app": longrun(producer_for="app-log ")}, "app-log  is no longrun of these sources"),
        (PIPE | {"app-pipe": longrun()}, "there is a service app-pipe already"),
        ({"a": {**oneshot("true"), "producer-for": "b"}}, "a oneshot cannot be part of a pipeline"),
    ],
)
def test_a_bad_source_is_refused_and_nothing_is_written(tmp_path: Path, services: Sources, says: str) -> None:
    """The message names the file or the path of the cycle; no database, no draft of one is left."""
    with pytest.raises(Failure) as error:
        made(tmp_path, services)
    assert says in str(error.value)
    assert error.value.code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["db-source"]


def test_a_name_defined_twice_is_refused(tmp_path: Path) -> None:
    """Two source directories may not define one name."""
    one, two = (write(tmp_path / name, {"a": longrun()}) for name in ("one", "two"))
    with pytest.raises(Failure, match="defines a service of that name already"):
        compile_sources(tmp_path / "db", [one, two])


def test_a_database_is_never_changed(tmp_path: Path) -> None:
    """A second compilation to the same place is refused."""
    made(tmp_path, {"a": longrun()})
    with pytest.raises(Failure, match="a database is never changed"):
        made(tmp_path, {"b": longrun()})
    assert list(load(tmp_path / "db").services) == ["a"]


def test_what_is_no_database_is_told_with_exit_code_4(tmp_path: Path) -> None:
    """s6-rc's exit code for an invalid database."""
    (tmp_path / "services.json").write_text('{"services": {"a": {}}, "bundles": {}}')
    with pytest.raises(Failure) as error:
        load(tmp_path)
    assert error.value.code == 4


def test_bundles_are_resolved_to_atomic_services(tmp_path: Path) -> None:
    """Bundles in bundles, pipelines' bundles, and a dependency on a bundle."""
    services = PIPE | {
        "all": bundle("app-pipe more"),
        "more": bundle("b"),
        "b": oneshot("true"),
        "last": longrun(needs="all"),
    }
    database = made(tmp_path, services)
    assert database.bundles == {
        "all": ["app", "app-log", "b"],
        "app-pipe": ["app", "app-log"],
        "more": ["b"],
    }
    assert database.services["last"].dependencies == ["app", "app-log", "b"]


def test_a_producer_needs_its_consumer_and_writes_into_its_pipe(tmp_path: Path) -> None:
    """The run script opens the pipe and becomes the one that was written."""
    database = made(tmp_path, PIPE)
    assert database.services["app"].dependencies == ["app-log"]
    assert 'exec 1<>"../../pipes/app-log"' in (tmp_path / "db/servicedirs/app/run").read_text()
    assert 'exec 0<>"../../pipes/app-log"' in (tmp_path / "db/servicedirs/app-log/run").read_text()
    assert "sleep 1000" in (tmp_path / "db/servicedirs/app/run.user").read_text()


def test_lists_of_names_may_be_files_with_comments(tmp_path: Path) -> None:
    """The older form: `dependencies` and `contents`, a name in each line."""
    services = {
        "a": longrun(),
        "b": {"type": "longrun", "run": "", "dependencies": "# what it needs\n  a\n\n"},
        "c": {"type": "bundle", "contents": "a\nb\n"},
    }
    database = made(tmp_path, services)
    assert database.services["b"].dependencies == ["a"]
    assert database.bundles["c"] == ["a", "b"]


@pytest.mark.parametrize(
    "line",
    [
        "foreground { echo a } echo b",
        'echo "{" "a\\"b" a"b c"d',
        "echo a{b} {} }x {a",
        "echo a#b # }",
        r"echo \{ it's",
        "# only a comment\n",
        'sh -c "\n{ echo a;\n"',
        "",
    ],
)
def test_what_execlineb_can_read_compiles(tmp_path: Path, line: str) -> None:
    """A brace opens a block only as a word of its own; in quotes, words and comments it is a letter."""
    assert made(tmp_path, {"a": oneshot(line)}).services["a"].kind == "oneshot"


def test_only_what_s6_supervise_reads_is_copied(tmp_path: Path) -> None:
    """A file `down` or `note` of a definition is no part of the service directory; data and env are."""
    made(
        tmp_path, {"a": longrun(down="", note="x", down_signal="SIGINT") | {"data/check": "1", "env/A": "b"}}
    )
    folder = tmp_path / "db/servicedirs/a"
    found = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    assert found == ["data/check", "down-signal", "env/A", "run"]


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    """Two compilations of copies written in another order: every file equal, none writable."""
    services = PIPE | {"b": oneshot("true", "app"), "all": bundle("b app")}
    made(tmp_path, services, "one")
    made(tmp_path, dict(reversed(services.items())), "two")

    def files(name: str) -> dict[str, bytes]:
        folder = tmp_path / name
        return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    assert files("one") == files("two")
    assert all(
        p.stat().st_mode & 0o222 == 0 for p in (tmp_path / "one/servicedirs").rglob("*") if p.is_file()
    )


def test_a_chain_longer_than_the_stack_compiles(tmp_path: Path) -> None:
    """3,000 services, each needing the one before: no recursion limit."""
    services = {f"s{i}": Service("longrun", [f"s{i - 1}"] if i else []) for i in range(3000)}
    from s6rc.database import _refuse_cycles

    _refuse_cycles({name: service.dependencies for name, service in services.items()})
    assert len(Database(services, {}).closure({"s2999"})) == 3000


def database(needs: dict[str, list[str]], digests: dict[str, str] | None = None) -> Database:
    digests = digests or {}
    return Database({n: Service("longrun", d, digest=digests.get(n, "")) for n, d in needs.items()}, {})


CHAIN = database({"a": [], "b": ["a"], "c": ["b"], "other": []})


@pytest.mark.parametrize(
    ("up", "selection", "go_up", "prune", "down", "start"),
    [
        ("", "c", True, False, "", "a b c"),
        ("a other", "b", True, False, "", "b"),
        ("a other", "b", True, True, "other", "b"),
        ("a b c other", "a", False, False, "a b c", ""),
        ("a b c", "b", False, True, "b c", "other"),
        ("a b c other", "c", True, True, "other", ""),
    ],
)
def test_a_change_takes_along_what_it_must_and_nothing_else(
    up: str, selection: str, go_up: bool, prune: bool, down: str, start: str
) -> None:
    """Up with all it depends on, down with all that depends on it; -p makes the selection the whole."""
    found = change.plan(CHAIN, set(up.split()), set(selection.split()), go_up, prune)
    assert found == (set(down.split()), set(start.split()))


def test_an_update_moves_what_changed_and_what_depends_on_it() -> None:
    """b has another digest: b and c go down and come up; a and other keep running."""
    new = database({"a": [], "b": ["a"], "c": ["b"], "other": []}, {"b": "x"})
    assert update.plan(CHAIN, new, {"a", "b", "c", "other"}, set()) == ({"b", "c"}, {"b", "c"})


def test_an_update_to_an_equal_database_moves_nothing() -> None:
    """The same services, some down: nothing is stopped, nothing is started."""
    assert update.plan(CHAIN, CHAIN, {"a", "b"}, set()) == (set(), set())


def test_a_new_dependency_is_started_and_nobody_is_restarted() -> None:
    """`other` now needs `new`: it comes up beside the running one."""
    new = database({"a": [], "b": ["a"], "c": ["b"], "other": ["new"], "new": []})
    assert update.plan(CHAIN, new, {"a", "other"}, set()) == (set(), {"new"})


def test_a_changed_logger_leaves_its_producer_running() -> None:
    """The pipe stays; a logger that is gone takes its producer down."""
    old = database({"log": [], "app": ["log"]})
    old.services["app"].consumer = "log"
    changed = database({"log": [], "app": ["log"]}, {"log": "x"})
    changed.services["app"].consumer = "log"
    assert update.plan(old, changed, {"log", "app"}, set()) == ({"log"}, {"log"})
    without = database({"app": []}, {"app": "x"})
    assert update.plan(old, without, {"log", "app"}, set()) == ({"log", "app"}, {"app"})


@given(st.data())
def test_any_update_ends_with_what_was_wanted_and_all_it_needs(data: st.DataObject) -> None:
    """Random pairs of databases: nothing stays up over a dependency that went down or is missing."""

    def some() -> Database:
        names = data.draw(st.lists(st.sampled_from("abcdef"), unique=True))
        needs = {
            n: data.draw(st.lists(st.sampled_from(names[:i]), unique=True)) if i else []
            for i, n in enumerate(names)
        }
        return database(needs, {n: data.draw(st.sampled_from("xy")) for n in names})

    old, new = some(), some()
    up = old.closure(set(data.draw(st.lists(st.sampled_from(sorted(old.services)), unique=True)))
                     if old.services else set())  # fmt: skip
    down, start = update.plan(old, new, up, set())
    after = (up - down) | start
    assert down <= up
    assert not start & (up - down)
    assert after <= new.services.keys()
    assert {name for name in up if name in new.services} <= after
    assert all(set(new.services[name].dependencies) <= after for name in after)
    assert not any(set(old.services[name].dependencies) & down for name in up - down)
