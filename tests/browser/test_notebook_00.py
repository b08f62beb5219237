"""What a learner sees first: notebook 00 in a real JupyterLab, run with the mouse."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import SHOTS

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

_BACK = re.compile(r"app is back.*PID (\d+) is gone, PID (\d+) is ready")


def _menu(page: Page, menu: str, item: str) -> None:
    page.get_by_role("menuitem", name=menu, exact=True).click()
    page.get_by_role("menuitem", name=item, exact=True).click()


def _idle(page: Page, timeout: float = 120.0) -> None:
    """Wait until no cell is waiting or running: their prompts show [*] until then."""
    busy = page.locator(".jp-Notebook .jp-InputPrompt", has_text="*")
    end = time.monotonic() + timeout
    while busy.count():
        assert time.monotonic() < end, f"{busy.count()} cells still run after {timeout:.0f} s"
        page.wait_for_timeout(200)


def _cell(page: Page, text: str) -> Locator:
    return page.locator(".jp-CodeCell", has_text=text).first


def _shoot(page: Page, name: str) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")


def test_a_learner_kills_a_service_with_the_mouse_and_the_check_passes(jupyterlab: str, page: Page) -> None:
    """Run the cells, press Kill app, read that it is back with another PID, run the check: passed."""
    page.goto(jupyterlab)
    expect(page.locator(".jp-Notebook .jp-Cell").first).to_be_visible()
    expect(page.get_by_text("| Idle")).to_be_visible()
    expect(page.locator("dialog.jp-Dialog")).to_have_count(0)
    _shoot(page, "00-opened")

    # Everything up to the dashboard and below it; the last cell ends the lab, so it is left for later.
    last = page.locator(".jp-CodeCell", has_text="dashboard.close()").first
    last.scroll_into_view_if_needed()
    last.locator(".cm-content").click()
    _menu(page, "Run", "Run All Above Selected Cell")
    page.wait_for_timeout(1000)
    _idle(page)
    kill = page.get_by_role("button", name="Kill app")
    kill.scroll_into_view_if_needed()
    expect(kill).to_be_visible()
    dashboard = page.locator(".jp-OutputArea-output", has=kill).first
    expect(dashboard.get_by_text("ready", exact=False).first).to_be_visible()
    _shoot(page, "00-dashboard")

    kill.click()
    said = dashboard.get_by_text(_BACK)
    expect(said).to_be_visible(timeout=30_000)
    found = _BACK.search(said.inner_text())
    assert found
    old, new = found.groups()
    assert old != new
    expect(dashboard.get_by_text(f"PID {new}", exact=False).first).to_be_visible()
    _shoot(page, "00-killed")
    dashboard.screenshot(path=SHOTS / "00-dashboard-whole.png")

    check = _cell(page, "phase0.start(lab)")
    check.scroll_into_view_if_needed()
    check.locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    _idle(page)
    expect(check.locator(".jp-OutputArea")).to_contain_text("passed", ignore_case=True)
    _shoot(page, "00-checked")

    # JupyterLab draws the cells that are in sight.
    page.locator(".jp-CodeCell", has_text="dashboard = lab.dashboard()").first.scroll_into_view_if_needed()
    kill.scroll_into_view_if_needed()
    silent = dashboard.get_by_text("No news for 6 s")
    expect(silent).not_to_be_visible()
    _menu(page, "Kernel", "Shut Down Kernel")
    for _ in range(6):  # JupyterLab may go back to the active cell, far below, and hide this one
        page.locator(
            ".jp-CodeCell", has_text="dashboard = lab.dashboard()"
        ).first.scroll_into_view_if_needed()
        dashboard.scroll_into_view_if_needed()
        page.wait_for_timeout(8000)
        if silent.is_visible():
            break
    expect(silent).to_be_visible(timeout=1000)
    _shoot(page, "00-kernel-gone")


def test_the_screens_are_kept_for_a_person_to_look_at() -> None:
    """CI keeps what it saw in build/screenshots."""
    assert {path.name for path in Path(SHOTS).glob("00-*.png")} >= {"00-dashboard.png", "00-killed.png"}
