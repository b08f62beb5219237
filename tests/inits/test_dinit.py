"""dinit: its files, and what its words mean. No Debian suite has it, so none of this boots."""

from __future__ import annotations

import pytest

from helpers.engines.base import Process
from helpers.errors import RenderError
from helpers.inits import registry
from helpers.inits.dinit import parse_status
from helpers.manifest import Manifest, Service


def longrun(name: str, **fields: object) -> Service:
    return Service.model_validate({"name": name, "command": ["/bin/sleep", "1000"], **fields})


def texts(*services: Service) -> dict[str, str]:
    return dict(registry.get("dinit").render(Manifest(name="test", services=services)).tree.texts())


def settings(*services: Service, name: str = "a") -> list[str]:
    return [line for line in texts(*services)[f"/etc/dinit.d/{name}"].splitlines() if line[:1] != "#"]


def test_what_is_needed_is_needed_hard_and_all_is_wanted_softly() -> None:
    """depends-on waits and stops in turn; boot goes on without one that fails."""
    services = (longrun("a", depends_on=["b"]), longrun("b"))
    assert "depends-on = b" in settings(*services)
    assert settings(*services, name="boot") == ["type = internal", "waits-for = a", "waits-for = b"]


def test_a_oneshot_is_scripted_and_a_bundle_is_internal() -> None:
    """Each kind is dinit's own; a oneshot may take as long as it needs."""
    oneshot = Service.model_validate(
        {"name": "a", "kind": "oneshot", "command": ["/bin/true"], "down": ["/bin/false"]}
    )
    lines = settings(oneshot)
    for line in ("type = scripted", "stop-command = /etc/lab/down/a", "start-timeout = 0", "restart = false"):
        assert line in lines
    bundle = Service.model_validate({"name": "all", "kind": "bundle", "depends_on": ["a"]})
    assert settings(oneshot, bundle, name="all") == ["type = internal", "depends-on = a"]


def test_readiness_is_a_newline_on_a_descriptor() -> None:
    """The service's own, or that of our script which asks for it."""
    files = texts(longrun("a", readiness={"kind": "fd", "fd": 7}))
    assert "ready-notification = pipefd:7\n" in files["/etc/dinit.d/a"]
    assert "export NOTIFY_FD=7\n" in files["/etc/lab/service/a"]
    files = texts(longrun("a", readiness={"kind": "tcp", "port": 80, "timeout": 3}))
    assert "ready-notification = pipefd:3\n" in files["/etc/dinit.d/a"]
    assert "start-timeout = 3\n" in files["/etc/dinit.d/a"]
    assert "(/etc/lab/notify a 60 &)\nexec 3>&-\n" in files["/etc/lab/service/a"]
    assert "ready-notification" not in texts(longrun("a"))["/etc/dinit.d/a"]


@pytest.mark.parametrize(
    ("policy", "word", "smooth"),
    [("always", "true", True), ("on-failure", "on-failure", True), ("never", "false", False)],
)
def test_a_restart_leaves_the_others_alone_and_has_no_limit(policy: str, word: str, smooth: bool) -> None:
    """smooth-recovery; the default would give up after three restarts in ten seconds."""
    lines = settings(longrun("a", restart={"policy": policy, "delay": 2}))
    assert f"restart = {word}" in lines
    for line in ("smooth-recovery = true", "restart-limit-count = 0", "restart-delay = 2"):
        assert (line in lines) is smooth


def test_a_growing_delay_is_held_back_by_our_script_alone() -> None:
    """dinit's own delay is the same each time: none then."""
    files = texts(longrun("a", restart={"delay": 1, "factor": 2}))
    assert "restart-delay = 0\n" in files["/etc/dinit.d/a"]
    assert "d = 1 * 2 ^ n" in files["/etc/lab/service/a"]


def test_what_a_value_would_mean_otherwise_is_escaped() -> None:
    """Quotes, backslashes, and `$`, which begins a variable."""
    assert 'working-dir = "/a b/\\"c\\"/\\\\/$$d"' in settings(longrun("a", cwd='/a b/"c"/\\/$d'))


def test_a_service_called_boot_is_refused() -> None:
    """dinit starts with the one of that name."""
    with pytest.raises(RenderError, match="service boot: dinit starts with the service of that name"):
        texts(longrun("boot"))


def test_a_status_is_read_off_list() -> None:
    """The signs of dinitctl(8): started, starting, stopping, stopped, failed, and what is not loaded."""
    names = ("up", "coming", "going", "down", "failed", "missing")
    tcp = {"kind": "tcp", "port": 1}
    manifest = Manifest(name="test", services=tuple(longrun(name, readiness=tcp) for name in names))
    text = """[[+]     ] boot
[{+}     ] up (pid: 12)
[{ }<<   ] coming (pid: 13)
[   >>{ }] going (pid: 14)
[     {-}] down
[     {X}] failed (exit status: 1)
"""
    assert [(row.name, row.state, row.pid, row.ready) for row in parse_status(text, manifest)] == [
        ("up", "up", 12, True),
        ("coming", "starting", 13, False),
        ("going", "stopping", 14, False),
        ("down", "down", None, False),
        ("failed", "failed", None, False),
        ("missing", "down", None, False),
    ]


def test_the_main_process_leads_its_group() -> None:
    """Not the script's other process that asks whether the service is ready."""
    script = ("/bin/sh", "/etc/lab/service/a")
    table = [
        Process(1, 0, "S", "dinit", ("/usr/sbin/dinit",), 1),
        Process(7, 1, "S", "a", script, 5),
        Process(9, 1, "S", "a", script, 9),
    ]
    manifest = Manifest(name="test", services=(longrun("a"),))
    assert registry.get("dinit").main_pids(table, manifest) == {"a": 9}
