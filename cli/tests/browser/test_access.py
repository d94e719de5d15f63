"""Usable with a screen reader, with little sight, and on a phone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

import stand as stands
from checks import faint_text, overflow, structure_faults
from stand import Stand, wait_for

PATHS = [
    "/",
    "/limits",
    "/key?key=lw:{key:acme}:api&policy=api",
    "/bans",
    "/bans?list=allowed",
    "/why?guard=login&ip=203.0.113.9",
    "/sessions?store=auth&subject=alice",
    "/audit",
    "/delivery",
    "/nodes",
    "/actions/lift?guard=login&kind=ip&value=203.0.113.9&back=/",
    "/nowhere",
]


@pytest.fixture(scope="module")
def busy() -> Iterator[Stand]:
    """A stand with something on every page, also long words without a place to break."""
    with Stand("--allow-actions", hurry=100_000) as stand:
        stand.call("LW.POLICY", "SET", "api", 2, "1m", "20", "1h")
        for _ in range(9):
            stand.call("LW.RATELIMIT", "lw:{key:acme}:api", "@api")
            stand.call("LW.RATELIMIT", "k" * 250, 1, "1m")
        for user in range(12):
            words = ("IP", "203.0.113.9", "USER", f"user{user}")
            if stand.call("LW.ATTEMPT", "login", *words)[0] == 0:
                stand.call("LW.EVENT", "login", "failure", *words)
        stand.call("LW.BAN", "login", "IP", "2001:db8:1:2::/64", "FOR", "1d", "REASON", "r" * 120, "BY", "b" * 60)
        stand.call("LW.ALLOW", "login", "IP", "198.51.100.7", "FOR", "1d")
        stand.call("LW.ISSUE", "auth", "alice", "META", '{"device":"' + "d" * 120 + '"}')
        for _ in range(3):
            stand.call("LW.BURST", "b" * 120, 3, "10s", "ENDPOINT", "/" + "p" * 120)
        stand.call("LW.AUDIT", "USER", "u" * 120, "ENDPOINT", "/" + "e" * 300, "STATUS", 404, "LIMITED", "ANOMALY")
        wait_for("the alerts are delivered", lambda: stand.info("alert_queued") == "0")
        stand.receiver.status = 503
        stand.call("LW.ALERT", "disk.full", '{"disk":"' + "x" * 200 + '"}')
        wait_for("an alert is given up", lambda: stand.call("LW.ALERTS", "DEAD"))
        yield stand


def open_page(browser: Browser, stand: Stand, width: int, scheme: str) -> Page:
    dark = scheme == "dark"
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme="dark" if dark else "light", reduced_motion="reduce"
    )
    page = stands.sign_in(context, stand.web)
    expect(page.locator("#bans tbody tr").first).to_be_visible()
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_pages_are_readable(browser: Browser, busy: Stand, width: int, scheme: str) -> None:
    page = open_page(browser, busy, width, scheme)
    for path in PATHS:
        page.goto(busy.web.url + path)
        faults = {"faint": faint_text(page), "too wide": overflow(page), "structure": structure_faults(page)}
        assert not any(faults.values()), (path, faults)
    page.context.close()


def test_text_may_be_twice_as_large(browser: Browser, busy: Stand) -> None:
    page = open_page(browser, busy, 1280, "light")
    page.set_viewport_size({"width": 640, "height": 400})
    for path in PATHS:
        page.goto(busy.web.url + path)
        assert overflow(page) == [], path
    page.context.close()


def test_a_table_on_a_phone_is_still_a_table(browser: Browser, busy: Stand) -> None:
    page = open_page(browser, busy, 360, "light")
    table = page.get_by_role("table", name="Entries of guards")
    expect(table.get_by_role("row").nth(1)).to_be_visible()
    expect(table.get_by_role("rowheader").filter(has_text="2001:db8:1:2::/64")).to_be_visible()
    # Cells say what they are.
    name = table.locator("td[data-name=ends]").first.evaluate("(cell) => getComputedStyle(cell, '::before').content")
    assert "ends" in name
    page.context.close()


def test_landmarks_and_motion(browser: Browser, busy: Stand) -> None:
    page = open_page(browser, busy, 1280, "light")
    for landmark in (page.get_by_role("banner"), page.get_by_role("navigation"), page.get_by_role("main")):
        expect(landmark).to_be_visible()
    assert page.get_by_role("link", name="Overview").get_attribute("aria-current") == "page"
    assert page.locator(".pulse").evaluate("(dot) => getComputedStyle(dot).animationName") == "none"
    page.context.close()
