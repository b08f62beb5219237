"""The interactive timeline of a recording, in a real browser, without a notebook around it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from helpers.show import recording_view
from tests.browser.conftest import SHOTS
from tests.probes.events import RECORDING

pytestmark = [pytest.mark.browser]

_PAGE = """<!doctype html><body><div id="here" style="width:1000px"></div><script type="module">
{script}
const data = {data};
render({{ model: {{ get: () => data }}, el: document.getElementById("here") }});
</script></body>"""


@pytest.fixture
def view(page: Page) -> Locator:
    """The view of a synthetic recording, drawn."""
    script = Path(recording_view.__file__).with_suffix(".js").read_text()
    data = json.dumps(recording_view.RecordingView(RECORDING).data())
    page.set_content(_PAGE.format(script=script.replace("export default { render };", ""), data=data))
    found = page.locator("#here")
    expect(found.locator("svg")).to_be_visible()
    return found


def _shoot(view: Locator, name: str) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    view.screenshot(path=SHOTS / f"recording-{name}.png")


def test_a_bar_tells_its_story_under_the_mouse_and_its_events_when_clicked(view: Locator) -> None:
    """Hover: what it was, how it ended. Click: only its events are listed; again: all of them."""
    bar = view.locator('g[data-pid="6"]')
    bar.locator("rect").nth(1).hover()  # the part that is ready lies on the whole
    expect(view.locator(".tip")).to_contain_text("ended at 1.0010 s by SIGKILL")
    expect(view.locator(".list tr")).to_have_count(len(RECORDING))
    bar.locator("rect").nth(1).click()
    expect(view.locator(".list tr")).to_have_count(7)
    expect(view.locator(".list")).to_contain_text("the lab's owner sends SIGKILL to PID 6")
    _shoot(view, "picked")
    view.locator('g[data-pid="6"] rect').nth(1).click()
    expect(view.locator(".list tr")).to_have_count(len(RECORDING))


def test_zoomed_in_the_list_has_what_is_in_sight(view: Locator) -> None:
    """The buttons and the keyboard zoom and move; `all` shows everything again."""
    view.get_by_role("button", name="+", exact=True).click()
    expect(view.locator(".list")).not_to_contain_text("/sbin/runit")
    for _ in range(4):
        view.get_by_role("button", name="◀").click()
    expect(view.locator(".list")).to_contain_text("/sbin/runit")
    _shoot(view, "zoomed")
    view.get_by_role("button", name="all", exact=True).click()
    expect(view.locator(".list tr")).to_have_count(len(RECORDING))
    view.locator("svg").focus()
    view.page.keyboard.press("+")
    expect(view.locator(".list tr")).not_to_have_count(len(RECORDING))


def test_services_helpers_and_kinds_can_be_left_out(view: Locator) -> None:
    """A lane goes, its events go; so do helpers' bars and the events of a kind."""
    view.get_by_label("db", exact=True).uncheck()
    expect(view.locator('g[data-pid="5"]')).to_have_count(0)
    expect(view.locator(".list")).not_to_contain_text("redis-server")
    view.get_by_label("helpers", exact=True).uncheck()
    expect(view.locator('g[data-pid="7"]')).to_have_count(0)
    view.get_by_label("reaped", exact=True).uncheck()
    expect(view.locator(".list")).not_to_contain_text("is reaped")
    view.get_by_label("db", exact=True).check()
    expect(view.locator('g[data-pid="5"]')).to_have_count(1)
