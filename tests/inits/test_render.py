"""Rendering: the same manifest gives the same files, and these are the files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest

from helpers.errors import RenderError
from helpers.filetree import File, FileTree, Symlink
from helpers.inits import registry
from helpers.inits.base import Rendered
from helpers.manifest import Manifest, Service

from .expected import PID1, PLAIN_NOTES
from .manifests import HERE, INITS, MANIFESTS

UPDATE = bool(os.environ.get("INITLAB_UPDATE_GOLDEN"))


def longrun(name: str, **fields: object) -> Service:
    return Service.model_validate({"name": name, "command": ["/bin/sleep", "1000"], **fields})


def manifest(*services: Service) -> Manifest:
    return Manifest(name="test", services=services)


def texts(init: str, *services: Service) -> dict[str, str]:
    return dict(registry.get(init).render(manifest(*services)).tree.texts())


def fields(rendered: Rendered) -> set[tuple[str, str]]:
    return {(note.service, note.field) for note in rendered.unsupported}


@pytest.mark.parametrize("name", list(MANIFESTS))
@pytest.mark.parametrize("init", INITS)
def test_rendered_files_are_the_golden_ones(init: str, name: str) -> None:
    """Every byte, run bit and link. `INITLAB_UPDATE_GOLDEN=1` writes them anew: read the diff."""
    rendered = registry.get(init).render(MANIFESTS[name])
    folder = HERE / "golden" / init / name
    notes = json.dumps([asdict(note) for note in rendered.unsupported], indent=1) + "\n"
    if UPDATE:
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "tree").mkdir(parents=True)
        rendered.tree.write_to(folder / "tree")
        (folder / "unsupported.json").write_text(notes)
    golden = FileTree.from_folder(folder / "tree")
    assert sorted(rendered.tree) == sorted(golden)
    for path in golden:
        assert rendered.tree[path] == golden[path], path
    assert notes == (folder / "unsupported.json").read_text()


@pytest.mark.parametrize("name", list(MANIFESTS))
@pytest.mark.parametrize("init", INITS)
def test_rendering_twice_gives_the_same(init: str, name: str) -> None:
    """`render` is pure: a second init object and a copied manifest give equal trees and notes."""
    copy = Manifest.model_validate_json(MANIFESTS[name].model_dump_json())
    first, second = registry.get(init).render(MANIFESTS[name]), registry.get(init).render(copy)
    assert first.tree.entries == second.tree.entries
    assert first.unsupported == second.unsupported


@pytest.mark.parametrize("init", INITS)
def test_scripts_can_run_and_sh_can_read_them(init: str) -> None:
    """Every file with `#!` has its run bits, no other has, and `sh -n` finds no mistake in it."""
    tree = registry.get(init).render(MANIFESTS["every"]).tree
    for path in tree:
        entry = tree[path]
        if isinstance(entry, Symlink):
            continue
        assert entry.mode == (0o755 if entry.data.startswith(b"#!") else 0o644), path
        if entry.mode == 0o755:
            done = subprocess.run(["sh", "-n"], input=entry.data, capture_output=True, check=False)
            assert done.returncode == 0, (path, done.stderr)


@pytest.mark.parametrize("init", INITS)
def test_no_place_is_left_unfilled(init: str) -> None:
    """A template's places are all filled, in every manifest."""
    for name, each in MANIFESTS.items():
        for path, text in registry.get(init).render(each).tree.texts().items():
            assert "@{" not in text, (name, path)


@pytest.mark.parametrize("init", INITS)
def test_what_looks_like_a_place_or_a_variable_in_a_value_stays_as_it_is(init: str) -> None:
    """Values are never looked at for places: `@{command}` in an argument reaches the service."""
    tree = registry.get(init).render(manifest(longrun("a", command=["/bin/echo", "@{title} ${HOME}"]))).tree
    # systemd has $ doubled (systemd.service(5)).
    assert any("@{title} ${HOME}" in text.replace("$$", "$") for text in tree.texts().values())


@pytest.mark.parametrize("init", INITS)
def test_a_description_cannot_end_its_comment(init: str) -> None:
    """A description over several lines becomes one line of comment."""
    tree = registry.get(init).render(manifest(longrun("a", description="one\nrm -rf /\r\x1b[31m two"))).tree
    for path, text in tree.texts().items():
        for line in text.splitlines():
            assert "rm -rf" not in line or line.strip().startswith(
                ("#", "description=", "Description=", '"description": ')
            ), path


@pytest.mark.parametrize("init", INITS)
def test_no_init_gets_files_it_cannot_have(init: str) -> None:
    """Nothing under /run or /tmp, which the engine mounts over (FileTree refuses it), and no empty file."""
    tree = registry.get(init).render(MANIFESTS["every"]).tree
    assert all(isinstance(entry, Symlink) or entry.data for entry in tree.entries.values())


@pytest.mark.parametrize("init", INITS)
def test_a_cycle_is_refused_with_its_path(init: str) -> None:
    """No init starts services that wait for each other; the error holds the cycle."""
    with pytest.raises(RenderError, match="a → b → a"):
        registry.get(init).render(manifest(longrun("a", depends_on=["b"]), longrun("b", depends_on=["a"])))


@pytest.mark.parametrize("init", INITS)
def test_an_unknown_dependency_is_refused_with_a_guess(init: str) -> None:
    """The message names the service, the missing name and the nearest one."""
    with pytest.raises(RenderError, match="redis"):
        registry.get(init).render(manifest(longrun("redis"), longrun("app", depends_on=["redsi"])))


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize(
    ("service", "says"),
    [
        (longrun("a", command=["/bin/echo", "a\0b"]), r"service a: command\[1\] holds a NUL"),
        (longrun("a", command=[""]), r"service a: command\[0\] is empty"),
        (longrun("a", env={"A=B": "x"}), "service a: env has 'A=B'"),
        (longrun("a", env={"A": "x\0"}), "service a: env has 'A'"),
    ],
)
def test_what_no_process_can_be_given_is_refused(init: str, service: Service, says: str) -> None:
    """execve(2) ends a word at its first NUL: an error that names service and field, no broken script."""
    with pytest.raises(RenderError, match=says):
        registry.get(init).render(manifest(service))


@pytest.mark.parametrize("init", INITS)
def test_a_plain_service_has_nothing_that_is_lost_but_what_the_init_never_has(init: str) -> None:
    """Defaults give notes for nothing but what the init has for no service, such as a logger."""
    rendered = registry.get(init).render(manifest(longrun("a")))
    assert fields(rendered) == {("a", field) for field in PLAIN_NOTES[init]}


@pytest.mark.parametrize("init", INITS)
def test_what_gets_lost_is_told(init: str) -> None:
    """Each init's notes for the manifest with everything in it: service and field."""
    told = fields(registry.get(init).render(MANIFESTS["every"]))
    always = {("words", "limits.memory"), ("words", "limits.pids")}
    logs = {(s.name, "log") for s in MANIFESTS["every"].services if s.kind != "bundle"}
    longruns = {s.name for s in MANIFESTS["every"].services if s.kind == "longrun"}
    seconds = {(name, "restart.delay") for name in longruns - {"once"}}
    waiting = {("prepare", "depends_on"), ("words", "depends_on"), ("listener", "depends_on")}
    kinds = {("prepare", "kind"), ("backend", "kind")}
    soon = {("fragile", "restart.delay"), ("patient", "restart.delay")}
    fd = {("notifier", "readiness")}
    asks = {(name, "readiness") for name in ("db", "listener", "web")}
    policy = {("fragile", "restart.policy")}
    scripted = waiting | kinds | logs | fd | asks
    own = {
        "runit": waiting | kinds | soon | fd,
        "runsvdir": waiting | kinds | soon | fd | {(name, "stop_grace") for name in longruns},
        "s6": waiting | kinds | soon,
        "s6-rc": soon,
        "openrc": logs
        | fd
        | policy
        | {("stubborn", "stop_grace")}
        | seconds
        | {("patient", "restart.factor")},
        "sysvinit": scripted | policy,
        "busybox": scripted | policy,
        "dinit": logs,
        "supervisor-rs": {("patient", "restart.delay")},
        "systemd": logs | fd | {("patient", "restart.factor")},
        "finit": waiting | kinds | logs | policy | {("stubborn", "stop_grace")},
        "supervisord": scripted - {("listener", "log")},
        "horust": scripted,
        **dict.fromkeys(
            ("tini", "dumb-init", "catatonit"), scripted | {(name, "restart.policy") for name in longruns}
        ),
    }
    assert told == always | own[init]


def test_a_bundle_is_replaced_by_its_members_where_the_init_has_none() -> None:
    """`words` needs `backend`, so it waits for `db` and `prepare`; OpenRC knows the bundle itself."""
    runit, s6, openrc = (
        registry.get(name).render(MANIFESTS["every"]).tree.texts() for name in ("runit", "s6", "openrc")
    )
    assert "wait-for db 15 || exit 1\n/etc/runit/wait-for prepare" in runit["/etc/service/words/run"]
    assert "s6-svwait -U -t 15000 ../db || exit 1" in s6["/etc/s6/service/words/run"]
    assert "s6-svwait -U -t 15000 ../prepare || exit 1" in s6["/etc/s6/service/words/run"]
    assert "need backend" in openrc["/etc/init.d/words"]
    assert "need db prepare" in openrc["/etc/init.d/backend"]
    assert not any("/backend/" in path for path in (*runit, *s6))


def test_services_stop_in_the_reverse_of_their_order() -> None:
    """Stage 3 and s6-svscan's SIGTERM script stop a service before what it depends on."""
    services = (longrun("a", depends_on=["b"]), longrun("b", depends_on=["c"]), longrun("c"))
    for init, path in (("runit", "/etc/runit/3"), ("s6", "/etc/s6/service/.s6-svscan/SIGTERM")):
        lines = texts(init, *services)[path].splitlines()
        assert [line.split()[1] for line in lines if line.startswith("stop ")] == ["a", "b", "c"]


def test_s6_waits_for_the_process_where_nothing_reports_readiness() -> None:
    """s6-svwait -U would wait for ever for a service without readiness: there it is -u."""
    run = texts("s6", longrun("a"), longrun("b", depends_on=["a"]))["/etc/s6/service/b/run"]
    assert "s6-svwait -u -t 15000 ../a" in run
    tcp = longrun("a", readiness={"kind": "tcp", "port": 1})
    run = texts("s6", tcp, longrun("b", depends_on=["a"]))["/etc/s6/service/b/run"]
    assert "s6-svwait -U -t 15000 ../a" in run


def test_up_while_it_waits_is_not_started() -> None:
    """`b` waits for `a` in its run script and has no readiness: `c` waits until `b` has done waiting."""
    chain = (longrun("a"), longrun("b", depends_on=["a"]), longrun("c", depends_on=["b"]))
    runit = texts("runit", *chain)
    assert "rm -f started\n/etc/runit/wait-for a 15 || exit 1\n: >started\n" in runit["/etc/service/b/run"]
    assert "[ -e started ]" in runit["/etc/service/b/check"]
    s6 = texts("s6", *chain)
    assert "echo >&3\nexec 3>&-\nexec /bin/sleep" in s6["/etc/s6/service/b/run"]
    assert "s6-svwait -U -t 15000 ../b" in s6["/etc/s6/service/c/run"]


def test_s6_gives_a_service_the_descriptor_it_asked_for() -> None:
    """Readiness `fd` is native: the number in notification-fd and in NOTIFY_FD."""
    files = texts("s6", longrun("a", readiness={"kind": "fd", "fd": 7}))
    assert files["/etc/s6/service/a/notification-fd"] == "7\n"
    assert "export NOTIFY_FD=7" in files["/etc/s6/service/a/run"]


def test_s6_log_is_never_asked_for_larger_files_than_it_can_have() -> None:
    """s6-log refuses more than 268435455 bytes: rendered as that, and told."""
    service = longrun("a", log={"max_bytes": 10**9})
    assert " s268435455 " in texts("s6", service)["/etc/s6/service/a/log/run"]
    assert fields(registry.get("s6").render(manifest(service))) == {("a", "log.max_bytes")}


@pytest.mark.parametrize(("delay", "lines"), [(0, 0), (0.1, 1), (1, 1), (1.5, 2)])
def test_openrc_rounds_a_delay_up(delay: float, lines: int) -> None:
    """respawn_delay counts whole seconds and refuses 0, which is its default."""
    text = texts("openrc", longrun("a", restart={"delay": delay}))["/etc/init.d/a"]
    assert ("respawn_delay" in text) is bool(lines)
    assert not lines or f"respawn_delay={lines}\n" in text


def test_openrc_never_restarts_what_it_does_not_supervise() -> None:
    """Policy `never` has no supervisor: start-stop-daemon, in the background."""
    text = texts("openrc", longrun("a", restart={"policy": "never"}))["/etc/init.d/a"]
    assert "supervisor=" not in text
    assert "command_background=true\npidfile=/run/a.pid\n" in text


@pytest.mark.parametrize("init", INITS)
def test_a_lab_can_add_files_beside_the_rendered_ones(init: str) -> None:
    """A manifest's own files and a hand-written service merge with the rendered tree without a clash."""
    extra = FileTree()
    for path in ("/etc/service/mine/run", "/etc/init.d/mine", "/etc/s6/service/mine/run", "/opt/lab/x"):
        extra.script(path, "#!/bin/sh\n")
    extra.symlink("/etc/runlevels/default/mine", "/etc/init.d/mine")
    tree = registry.get(init).render(MANIFESTS["web"]).tree
    assert len(tree.merge(extra)) == len(tree) + len(extra)


def test_an_unknown_init_is_told_with_the_nearest_name() -> None:
    """`get` names what was asked for, guesses, and lists what there is."""
    with pytest.raises(RenderError, match=r'no init \'runnit\'; did you mean "runit"\?') as error:
        registry.get("runnit")
    assert error.value.hint == f"choose one of {', '.join(INITS)}"
    with pytest.raises(RenderError, match="no init 7"):
        registry.get(7)  # type: ignore[arg-type]


@pytest.mark.parametrize("init", INITS)
def test_every_init_says_how_it_is_run(init: str) -> None:
    """PID 1's command, its stop signal, and the exits that are clean (reboot(2) gives 130)."""
    found = registry.get(init)
    pid1 = found.pid1()
    assert (pid1.argv[0], int(pid1.stop_signal), set(found.clean_exits)) == PID1[init]
    # Who ends by reboot(2) needs the capability, and who does not is not given it.
    assert ("SYS_BOOT" in pid1.capabilities) is (130 in found.clean_exits)
    assert found.ordering
    assert found.logging


def test_every_folder_of_templates_is_told_of() -> None:
    """labs/inits/README.md has a line for each folder, and each folder holds a file."""
    from helpers.inits.templates import FOLDER

    assert Path(__file__).resolve().parents[2] / "labs" / "inits" == FOLDER
    told = (FOLDER / "README.md").read_text()
    for folder in (path for path in FOLDER.iterdir() if path.is_dir()):
        assert [path for path in folder.iterdir() if path.stat().st_size]
        assert f"| `{folder.name}` |" in told


def test_a_file_of_the_tree_is_bytes_and_mode() -> None:
    """What a golden folder gives back is what was rendered: run bits survive git and the file system."""
    tree = registry.get("runit").render(MANIFESTS["web"]).tree
    run = tree["/etc/service/redis/run"]
    assert isinstance(run, File)
    assert run.mode == 0o755


def test_openrc_refuses_a_name_that_the_sandbox_provides() -> None:
    """rc.conf provides `net`: a service of that name would keep nobody back, so it is refused."""
    with pytest.raises(RenderError, match="provides net") as error:
        texts("openrc", longrun("net"), longrun("web", depends_on=["net"]))
    assert error.value.hint == "give it another name, such as lab-net"
    conf = texts("openrc", longrun("a"))["/etc/rc.conf"]
    assert 'rc_provide="dev localmount net"' in conf
