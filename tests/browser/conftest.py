"""A real JupyterLab over a fresh workspace, and Debian's Chromium to look at it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

expect.set_options(timeout=60_000)  # a page of JupyterLab on a busy computer
SHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"
_CHROMIUM = [
    path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))
]


@pytest.fixture(scope="module")
def jupyterlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a JupyterLab started as `make lab` starts it, stopped with Ctrl-C afterwards."""
    folder = tmp_path_factory.mktemp("workspace")
    code = "from helpers.cli import main; main()"
    command = [sys.executable, "-c", code, "open", "--no-browser", "--dir", str(folder / "initlab")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        assert server.stdout is not None
        said = []
        url = None
        for line in server.stdout:
            said.append(line)
            if found := re.search(r"http://\S+token=\w+", line):
                url = found.group()
                break
        assert url, "".join(said)
        yield url
        server.send_signal(2)
        server.stdout.read()
        server.wait(60)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium that calls nobody."""
    if not _CHROMIUM:
        pytest.skip("no Chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        arguments = ["--disable-gpu", "--disable-background-networking", "--disable-component-update"]
        arguments += ["--no-first-run", "--disable-sync", "--disable-quic"]
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")  # Chromium's own sandbox refuses root
        chromium = playwright.chromium.launch(executable_path=_CHROMIUM[0], args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh page, large enough to read."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(60_000)
    yield page
    page.close()
