"""JupyterLab over a workspace, the real one."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psutil
import pytest

from helpers.course import editions, jupyter
from helpers.course.curriculum import Curriculum
from helpers.course.workspace import ENVIRONMENT, Workspace
from helpers.errors import CourseError

from .fake import make_course

REPOSITORY = Path(__file__).parents[2]


def until(what: Callable[[], Any], seconds: float = 60.0) -> Any:
    """The first true answer of `what` before the deadline."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := what():
            return answer
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what}")


class Lab:
    """`initlab open` in a process of its own, and what a browser would ask of it."""

    def __init__(self, course: Curriculum, folder: Path, beside: Path) -> None:
        editions.write(course)
        self.folder = folder
        self.log = beside / "open.log"
        home = beside / "home"
        home.mkdir(exist_ok=True)
        # Without our own variables: what is set in the shell that runs the tests must not matter.
        self.env = {name: value for name, value in os.environ.items() if name != ENVIRONMENT}
        self.env |= {"HOME": str(home), "INITLAB_CURRICULUM": str(course.root)}
        self.command = [sys.executable, "-m", "helpers.cli", "open", "--no-browser", "--dir", str(folder)]
        with self.log.open("wb") as stream:
            self.process = subprocess.Popen(
                self.command, cwd=REPOSITORY, env=self.env, stdout=stream, stderr=subprocess.STDOUT
            )
        self.url: str = until(self._url)

    def _url(self) -> str | None:
        assert self.process.poll() is None, self.log.read_text()
        found = re.search(r"http://\S+", self.log.read_text())
        return found[0] if found and "Ctrl-C" in self.log.read_text() else None

    def ask(self, path: str, data: dict[str, Any] | None = None) -> Any:
        parts = urlsplit(self.url)
        request = urllib.request.Request(  # noqa: S310 - the server we started
            f"{parts.scheme}://{parts.netloc}{path}",
            data=json.dumps(data).encode() if data is not None else None,
            headers={"Authorization": f"token {parse_qs(parts.query)['token'][0]}"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            text = answer.read().decode()
            return json.loads(text) if "json" in answer.headers["Content-Type"] else text

    def run(self, code: str) -> str:
        """Run code in a new kernel of a notebook of phase 0; what it printed."""
        import websocket

        session = self.ask(
            "/api/sessions",
            {
                "path": f"phase0/{uuid.uuid4().hex}.ipynb",
                "name": "",
                "type": "notebook",
                "kernel": {"name": "python3"},
            },
        )
        parts = urlsplit(self.url)
        socket_ = websocket.create_connection(
            f"ws://{parts.netloc}/api/kernels/{session['kernel']['id']}/channels?{parts.query}", timeout=60
        )
        try:
            header = {
                "msg_id": uuid.uuid4().hex,
                "msg_type": "execute_request",
                "username": "",
                "session": "s",
            }
            content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
            socket_.send(
                json.dumps(
                    {
                        "header": header | {"date": "", "version": "5.3"},
                        "parent_header": {},
                        "metadata": {},
                        "content": content,
                        "channel": "shell",
                        "buffers": [],
                    }
                )
            )
            printed = ""
            while True:
                message = json.loads(socket_.recv())
                if message["parent_header"].get("msg_id") != header["msg_id"]:
                    continue
                if message["msg_type"] == "stream":
                    printed += message["content"]["text"]
                elif message["msg_type"] == "error":
                    raise AssertionError(message["content"])
                elif message["msg_type"] == "execute_reply":
                    return printed
        finally:
            socket_.close()

    def family(self) -> list[psutil.Process]:
        """The server and its kernels."""
        return psutil.Process(self.process.pid).children(recursive=True)


def _open(folder: Path) -> Iterator[Lab]:
    lab = Lab(make_course(folder / "course"), folder / "initlab", folder)
    family = lab.family()
    yield lab
    if lab.process.poll() is None:
        lab.process.terminate()
        lab.process.wait(30)
    for process in family:
        if process.is_running():
            process.kill()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Lab]:
    """One to end."""
    yield from _open(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One to look at."""
    yield from _open(tmp_path_factory.mktemp("shared"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_learner_gets_jupyterlab_with_our_kernel_and_no_questions(shared: Lab) -> None:
    """The URL opens the page; nothing is asked of news and updates; a kernel finds helpers and workspace."""
    assert "/lab" in urlsplit(shared.url).path
    assert "JupyterLab" in str(shared.ask(urlsplit(shared.url).path))
    settings = shared.ask("/lab/api/settings/@jupyterlab/apputils-extension:notification")
    composed = settings["schema"]["properties"]
    assert composed["fetchNews"]["default"] == "false"
    assert composed["checkForUpdates"]["default"] is False
    assert [entry["name"] for entry in shared.ask("/api/contents/phase0")["content"]] == ["01-doubling.ipynb"]
    home = shared.folder
    printed = shared.run(
        "import sys, os, shutil, helpers\n"
        "print(sys.prefix); print(os.getcwd()); print(os.environ['INITLAB_WORKSPACE'])\n"
        "print(shutil.which('python') or '')\n"
        "%load_ext helpers.course\n"
        "get_ipython().run_cell_magic('exercise', 'p0.double', 'print(1)')\n"
    ).splitlines()
    assert printed[:3] == [sys.prefix, str(home / "phase0"), str(home)]
    assert printed[3].startswith(str(Path(sys.executable).parent))
    assert printed[4] == "saved portfolio/phase0/double.py (1 line)"
    assert (home / "portfolio/phase0/double.py").read_text() == "print(1)\n"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_exercise_magic_is_known_from_the_start(shared: Lab) -> None:
    """After a restart of the kernel one runs the cell one works on; `%load_ext` again says nothing."""
    code = "get_ipython().run_cell_magic('exercise', 'p0.double', 'print(2)')"
    assert "portfolio/phase0/double.py (1 line)" in shared.run(code)
    assert shared.run("%load_ext helpers.course") == ""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_the_server_and_its_kernels_end_with_us(opened: Lab, number: signal.Signals) -> None:
    """Ctrl-C, a closed terminal and kill -9: nothing is asked and nothing is left."""
    opened.run("pass")
    family = opened.family()
    assert len(family) >= 2
    opened.process.send_signal(number)
    status = opened.process.wait(30)
    _, left = psutil.wait_procs(family, timeout=30)
    assert left == []
    if number == signal.SIGINT:
        assert status == 0
        assert "Stopped. Your work is in" in opened.log.read_text()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_opening_twice_gives_the_address_of_the_one_that_runs(shared: Lab) -> None:
    """Two servers over one workspace would write over each other's notebooks."""
    again = subprocess.run(
        shared.command, cwd=REPOSITORY, env=shared.env, capture_output=True, text=True, check=True
    )
    assert "runs over it already" in again.stdout
    assert shared.url in again.stdout
    record = Workspace(shared.folder).state / "lab" / "server.json"
    assert record.stat().st_mode & 0o077 == 0


def test_a_port_in_use_is_told_and_another_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual port may belong to another JupyterLab."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        monkeypatch.setattr(jupyter, "_USUAL_PORT", taken)
        port, note = jupyter._port(None)
        assert port > taken
        assert note == f"Port {taken} is in use, so this is on {port}."
        with pytest.raises(CourseError, match=f"port {taken} is in use"):
            jupyter._port(taken)
    assert jupyter._port(None) == (taken, "")


def test_a_server_that_does_not_start_is_told_with_its_log(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The end of its log is in the message, and nothing keeps running."""
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\necho 'the reason it gives'\nexit 3\n")
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))
    with pytest.raises(CourseError, match="ended with status 3") as caught:
        jupyter.start(workspace)
    assert "the reason it gives" in caught.value.message
    fake.write_text("#!/bin/sh\necho 'No module named jupyterlab'\nexit 1\n")
    with pytest.raises(CourseError, match="JupyterLab is not installed"):
        jupyter.start(workspace)


@pytest.mark.slow
def test_a_port_that_is_taken_at_the_last_moment_is_left_to_the_other(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two learners open at once: both looked, one was first. The other looks again."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        look = jupyter._port
        looks = iter([(taken, "")])
        monkeypatch.setattr(jupyter, "_port", lambda asked: next(looks, None) or look(asked))
        server = jupyter.start(workspace)
        try:
            assert f":{taken}/" not in server.url
            assert jupyter.running(workspace) == server.url
        finally:
            server.stop()
    assert jupyter.running(workspace) is None


def test_a_stale_record_of_a_server_is_no_server(workspace: Workspace) -> None:
    """After a crash the record is there and nobody answers."""
    assert jupyter.running(workspace) is None
    record = workspace.state / "lab" / "server.json"
    record.parent.mkdir()
    for text in ('{"base": "http://localhost:1", "page": "/lab", "token": "x"}', "{broken", "[]"):
        record.write_text(text)
        assert jupyter.running(workspace) is None
