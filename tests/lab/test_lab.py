"""Lab: what a notebook does with one, on a real web stack under a real runit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helpers.engines.base import MIB, Image, Limits
from helpers.errors import InitlabError, LabError, ManifestError, SandboxGone
from helpers.filetree import FileTree
from helpers.lab import STACKS, Lab, sandbox
from helpers.manifest import Manifest
from helpers.manifest.models import Service

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def lab(image: Image) -> Iterator[Lab]:
    with Lab("web", init="runit", engine="embedded", image=image) as lab:
        yield lab.ready()


def until(done: Callable[[], object], timeout: float = 10.0) -> bool:
    end = time.monotonic() + timeout
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_a_ready_lab_answers_through_every_service(lab: Lab) -> None:
    """The request goes nginx → app → redis and back, and redis counts it."""
    first, second = lab.http("nginx").json()["hits"], lab.http("nginx").json()["hits"]
    assert second == first + 1


def test_status_tells_each_service_once_in_the_manifests_order(lab: Lab) -> None:
    """`status()` is a table of the manifest's services, with what the init says and what is seen."""
    table = lab.status()
    assert [row.name for row in table] == ["redis", "app", "nginx"]
    assert all(row.state == "up" and row.ready and row.pid and row.memory for row in table)
    assert "MiB" in str(table)
    assert "<table" in table._repr_html_()


def test_a_killed_service_comes_back_with_another_pid_and_the_timeline_says_so(lab: Lab) -> None:
    """`kill` → ended → started → ready, in that order, for that service alone."""
    before = {name: lab.pid(name) for name in ("redis", "nginx")}
    count = len(lab.events())
    old = lab.kill("app")
    new = lab.wait_restarted("app", old)
    assert new != old
    assert lab.pid("app") == new
    kinds = [e.kind for e in list(lab.events())[count:] if e.service == "app"]
    assert kinds == ["signalled", "exited", "started", "ready"]
    assert {name: lab.pid(name) for name in before} == before
    assert lab.timeline().restarts("app") >= 1
    assert f"was sent SIGKILL (PID {old})" in str(lab.timeline())


def test_restart_uses_the_inits_own_command_and_is_told_apart_from_a_kill(lab: Lab) -> None:
    """`restart` leaves an `asked` event, no `signalled` one."""
    count = len(lab.events())
    old = lab.pid("nginx")
    lab.restart("nginx")
    lab.wait_restarted("nginx", old)
    kinds = {e.kind for e in list(lab.events())[count:]}
    assert "asked" in kinds
    assert "signalled" not in kinds


def test_a_stopped_service_stays_down_until_it_is_started(lab: Lab) -> None:
    """`stop_service` keeps it down; the proxy says 502 meanwhile; `start_service` brings it back."""
    old = lab.pid("app")
    lab.stop_service("app")
    assert until(lambda: lab.status()["app"].state == "down")
    assert lab.http("nginx").status == 502
    lab.start_service("app")
    lab.wait_restarted("app", old)
    assert lab.http("nginx").status == 200


def test_logs_hold_what_the_service_wrote(lab: Lab) -> None:
    """The app's JSON lines can be parsed back, whatever the logger put before them."""
    lab.http("app", "/")
    assert until(lambda: any(e.get("path") == "/" for e in lab.logs("app").json()))
    assert len(lab.logs("app", 2)) == 2


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda lab: lab.kill("ap"), "did you mean 'app'?"),
        (lambda lab: lab.logs("web"), "its services: redis, app, nginx"),
        (lambda lab: lab.kill("app", "KILLL"), "there is no signal 'KILLL'"),
        (lambda lab: lab.kill("app", 777), "there is no signal 777"),
        (lambda lab: Lab("wbe"), "there is no stack 'wbe'"),
        (lambda lab: Lab(42), "not int"),
        (lambda lab: Lab("web", init="runnit"), "runit"),
        (lambda lab: Lab("/nowhere/x.toml"), "/nowhere/x.toml"),
    ],
)
def test_a_wrong_name_gets_one_clear_message(lab: Lab, call: Callable[[Lab], object], says: str) -> None:
    """Bad input names the object and the next step."""
    with pytest.raises(InitlabError) as error:
        call(lab)
    assert says in str(error.value)


def test_shell_prints_a_command_that_opens_the_lab_from_another_process(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    """What `shell()` prints enters this lab: its PID 1 is runit there."""
    lab.shell()
    name = capsys.readouterr().out.split("initlab lab shell ")[1].split()[0]
    code = "from helpers.cli_lab import app; app()"
    done = subprocess.run(
        [sys.executable, "-c", code, "exec", name, "cat", "/proc/1/comm"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "runit", done.stderr


def test_reset_gives_a_fresh_root(image: Image) -> None:
    """What was written before a reset is gone after it, and the services are back."""
    with Lab("web", engine="embedded", image=image) as lab:
        lab.ready()
        lab.sandbox.write("/etc/scribble", b"x")
        lab.reset().ready()
        assert lab.sandbox.exec(["test", "-e", "/etc/scribble"]).code == 1
        assert lab.http("nginx").status == 200


def test_an_app_that_never_becomes_ready_is_named_with_its_last_words(image: Image) -> None:
    """`ready` gives up at its timeout, names the service and shows its log."""
    script = "echo waiting for a database that is not there; exec sleep 1000"
    service = Service(name="stuck", command=("/bin/sh", "-c", script), readiness={"kind": "tcp", "port": 9})
    with Lab(Manifest(name="never", services=(service,)), engine="embedded", image=image) as lab:
        with pytest.raises(LabError) as error:
            lab.ready(timeout=2.5)
        assert "not ready after 2.5 s: stuck" in str(error.value)
        assert "waiting for a database that is not there" in str(error.value)


@pytest.mark.parametrize(
    ("text", "mode", "says"),
    [
        ("#!/bin/sh\nexec sleep 100\n", 0o644, "unable to start ./run: access denied"),
        ("#!/bin/nonesuch\nexec sleep 100\n", 0o755, "unable to start ./run: file does not exist"),
    ],
)
def test_a_run_script_that_cannot_be_executed_shows_in_the_error(
    image: Image, text: str, mode: int, says: str
) -> None:
    """A run script without a run bit or with a bad interpreter: the message holds what runit said."""
    broken = FileTree()
    broken.add("/etc/service/app/run", text, mode)
    service = Service(name="app", command=("/bin/sleep", "100"))
    manifest = Manifest(name="broken", services=(service,))
    with Lab(manifest, engine="embedded", image=image, tree=broken) as lab:
        with pytest.raises(LabError) as error:
            lab.ready(timeout=3)
        assert "not ready" in str(error.value)
        assert says in str(error.value)


def test_a_port_in_use_inside_shows_in_the_log_of_the_one_that_lost(image: Image) -> None:
    """Two services on one port: the error names the one that never becomes ready."""
    serve = ("/usr/bin/python3", "-m", "http.server", "9000", "--bind", "127.0.0.1")
    first = Service(name="first", command=serve, readiness={"kind": "tcp", "port": 9000})
    probe = {"kind": "exec", "command": ["/bin/false"]}
    second = Service(name="second", command=serve, depends_on=("first",), readiness=probe)
    with Lab(Manifest(name="clash", services=(first, second)), engine="embedded", image=image) as lab:
        with pytest.raises(LabError) as error:
            lab.ready(timeout=5)
        assert "not ready after 5 s: second" in str(error.value)
        assert "Address already in use" in str(error.value)


def test_a_full_disk_inside_is_told_by_name(image: Image) -> None:
    """Writing past the disk limit names the path and the reason; the lab goes on."""
    with Lab("web", engine="embedded", image=image, limits=Limits(disk=24 * MIB)) as lab:
        lab.ready()
        with pytest.raises(InitlabError, match=r"cannot write /var/big .*No space left on device"):
            lab.sandbox.write("/var/big", b"x" * 32 * MIB)
        lab.sandbox.exec(["rm", "/var/big"])
        assert lab.http("nginx").status == 200


def test_a_cycle_is_refused_before_anything_boots() -> None:
    """A manifest with a cycle never reaches an init."""
    services = (
        Service(name="a", command=("/bin/true",), depends_on=("b",)),
        Service(name="b", command=("/bin/true",), depends_on=("a",)),
    )
    with pytest.raises(ManifestError, match="a → b → a"):
        Lab(Manifest(name="loop", services=services))


def test_a_closed_lab_says_so(image: Image) -> None:
    """After `close`, everything that needs a running lab says that it is not running."""
    lab = Lab("web", engine="embedded", image=image).start()
    lab.close()
    lab.close()
    with pytest.raises(LabError, match="not running"):
        lab.status()
    assert "not running" in repr(lab)


def test_a_lab_whose_pid1_was_killed_says_how_it_ended(image: Image) -> None:
    """Asking an ended lab tells the exit code of PID 1, not a traceback of ours."""
    with Lab("web", engine="embedded", image=image) as lab:
        lab.ready()
        lab.sandbox.signal(signal.SIGKILL)
        lab.sandbox.wait(5)
        with pytest.raises(SandboxGone, match="exited with 137"):
            lab.status()


def test_nothing_of_a_killed_owner_is_left(image: Image, tmp_path: Path) -> None:
    """SIGKILL to the process that holds a lab with a dashboard ends the lab and removes its folder."""
    script = tmp_path / "owner.py"
    script.write_text(
        "from helpers.lab import Lab\n"
        f"from helpers.engines.base import Image\nfrom pathlib import Path\n"
        f"lab = Lab('web', engine='embedded', image=Image(Path({str(image.rootfs)!r}), 'x')).ready()\n"
        "lab.dashboard()._repr_mimebundle_()\n"
        "print(lab.sandbox.pid1, lab.sandbox._console, flush=True)\n"
        "import time; time.sleep(100)\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid1, console = owner.stdout.readline().split()
        os.kill(owner.pid, signal.SIGKILL)
    assert until(lambda: not Path(f"/proc/{pid1}").exists())
    assert until(lambda: not Path(console).parents[1].exists())


def test_a_bare_sandbox_is_gone_after_its_block(image: Image) -> None:
    """`sandbox(...)` runs any command as PID 1 and leaves nothing."""
    with sandbox(["/opt/me"], files={"/opt/me": "#!/bin/sh\nsleep 100\n"}, image=image) as box:
        assert box.processes()[0].comm == "me"
        pid1 = box.pid1
    assert until(lambda: not Path(f"/proc/{pid1}").exists())


def test_every_stack_folder_holds_a_manifest() -> None:
    """A stack can be named wherever a lab is made."""
    assert all((folder / "manifest.toml").is_file() for folder in STACKS.iterdir() if folder.is_dir())


@pytest.mark.parametrize("init", ["runit", "s6"])
def test_a_stop_right_after_the_start_is_not_lost(image: Image, init: str) -> None:
    """PID 1 ends cleanly even when it is asked before it can hear."""
    with Lab("web", init=init, engine="embedded", image=image) as lab:
        assert lab.stop().code in lab.init.clean_exits
