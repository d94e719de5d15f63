"""Searching, explaining, lifting and revoking, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

import stand as stands
from stand import Stand, wait_for


def attack(stand: Stand, address: str) -> None:
    """Guesses of many users from one address, until it is banned."""
    for user in range(12):
        words = ("IP", address, "USER", f"user{user}")
        if stand.call("LW.ATTEMPT", "login", *words)[0] == 0:
            stand.call("LW.EVENT", "login", "failure", *words)


def is_banned(stand: Stand, address: str) -> bool:
    return bool(stand.call("LW.CHECK", "login", "IP", address)[0] == 2)


def test_a_ban_is_explained_and_lifted(page: Page, stand: Stand) -> None:
    attack(stand, "203.0.113.9")
    attack(stand, "203.0.113.10")
    page.locator("#bans tbody tr").filter(has_text="203.0.113.9").get_by_role("link", name="Why").click()
    verdict = page.locator("#verdict")
    expect(verdict).to_contain_text("203.0.113.9 is denied at login for another")
    expect(verdict).to_contain_text("was banned")
    expect(verdict).to_contain_text(
        "The rule stuffing watches for failures from one address for more than 10 users within 10 min."
    )
    expect(page.locator("#counts")).to_contain_text("brute")
    verdict.get_by_role("link", name="Lift").click()
    expect(page.locator("h1")).to_have_text("Lift the ban?")
    page.get_by_role("link", name="Cancel").click()
    assert is_banned(stand, "203.0.113.9")
    verdict.get_by_role("link", name="Lift").click()
    page.get_by_role("button", name="Lift").click()
    expect(page.get_by_role("status").filter(has_text="lifted")).to_contain_text("203.0.113.9 in login was lifted")
    expect(verdict).to_contain_text("203.0.113.9 is let through at login")
    assert not is_banned(stand, "203.0.113.9")
    assert is_banned(stand, "203.0.113.10")
    assert stand.data("guard.lift")["by"] == "local"


def test_a_ban_is_lifted_by_keyboard_alone(page: Page, stand: Stand) -> None:
    attack(stand, "203.0.113.9")
    expect(page.locator("#bans tbody tr")).to_have_count(1)

    def go_to(name: str) -> None:
        """Presses Tab until an element of this name has the focus, and can be seen to have it."""
        for _ in range(80):
            page.keyboard.press("Tab")
            focused = page.locator(":focus")
            if focused.count() and focused.inner_text().split() == name.split():
                outline = focused.evaluate("(element) => getComputedStyle(element).outlineWidth")
                assert float(outline.removesuffix("px")) >= 2
                return
        raise AssertionError(f"{name} can't be reached")

    # The text of a link to lift names whom, for screen readers.
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to content")
    page.keyboard.press("Enter")
    go_to("Lift the ban of 203.0.113.9")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Lift the ban?")
    go_to("Lift")
    page.keyboard.press("Enter")
    expect(page.locator("#bans")).to_contain_text("Nobody is banned")
    assert not is_banned(stand, "203.0.113.9")


def test_a_session_is_found_and_revoked(page: Page, stand: Stand) -> None:
    for device in ("phone", "laptop"):
        stand.call("LW.ISSUE", "auth", "alice", "META", f'{{"device":"{device}"}}')
    # The name of the store is found by the program, or typed.
    page.get_by_role("link", name="Sessions").click()
    page.get_by_label("Token store").fill("auth")
    page.get_by_label("Subject").fill("alice")
    page.get_by_role("button", name="Show").click()
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(2)
    rows.filter(has_text="laptop").get_by_role("link", name="Revoke").click()
    expect(page.locator("h1")).to_have_text("Revoke the session?")
    page.get_by_role("button", name="Revoke").click()
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("phone")
    assert stand.data("operator.revoke")["by"] == "local"
    page.get_by_role("link", name="Revoke all sessions").click()
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("main")).to_contain_text("nobody is signed in there")
    assert stand.call("LW.SESSIONS", "auth", "alice") == []


def test_a_dead_letter_is_retried(browser: Browser) -> None:
    stand = Stand("--allow-actions", hurry=100_000)
    context = browser.new_context()
    try:
        stand.receiver.status = 503
        stand.call("LW.ALERT", "disk.full", '{"disk":7}')
        wait_for("the alert is given up", lambda: stand.call("LW.ALERTS", "DEAD"))
        page = stands.sign_in(context, stand.web)
        expect(page.locator("#headline")).to_contain_text("1 alert could not be delivered")
        page.goto(f"{stand.web.url}/delivery")
        expect(page.locator("#letters tbody tr")).to_contain_text("disk.full")
        stand.receiver.status = 204
        page.locator("#letters").get_by_role("link", name="Retry").click()
        page.get_by_role("button", name="Retry").click()
        expect(page.locator("#letters")).to_contain_text("Nothing was given up.")
        expect(page.locator("#alerts li").filter(has_text="disk.full")).to_contain_text("delivered")
        assert stand.data("operator.retry")["by"] == "local"
    finally:
        context.close()
        stand.stop()


def test_without_actions_there_are_no_buttons(browser: Browser) -> None:
    stand = Stand()
    context = browser.new_context()
    try:
        attack(stand, "203.0.113.9")
        page = stands.sign_in(context, stand.web)
        expect(page.locator("#bans tbody tr")).to_have_count(1)
        for path in ("/", "/bans", "/why?guard=login&ip=203.0.113.9", "/delivery"):
            page.goto(stand.web.url + path)
            expect(page.locator("main")).to_be_visible()
            assert page.locator('a[href^="/actions"], form[action^="/actions"]').count() == 0
    finally:
        context.close()
        stand.stop()


@pytest.fixture(scope="module")
def shipped(database: str) -> Iterator[Stand]:
    """A stand whose audit log is in Postgres."""
    with Stand(database=database) as stand:
        for number in range(120):
            words = ("USER", f"user{number % 3}", "IP", f"198.51.100.{number % 5}", "METHOD", "GET")
            limited = ("LIMITED",) if number % 10 == 0 else ()
            stand.call("LW.AUDIT", *words, "ENDPOINT", f"/v1/items/{number}", "STATUS", 200, *limited)
        stand.call("LW.AUDIT", "KIND", "login", "USER", "alice", "DATA", '{"mfa":true}', "ANOMALY")
        wait_for("Postgres has the events", lambda: stand.info("audit_pending") == "0")
        yield stand


def test_the_audit_log_is_searched(browser: Browser, shipped: Stand) -> None:
    assert int(shipped.info("audit_shipped_total")) >= 121
    context = browser.new_context()
    page = stands.sign_in(context, shipped.web)
    page.get_by_role("link", name="Audit log").click()
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(50)
    for pages in (50, 21):
        page.get_by_role("link", name="Older events").click()
        expect(rows).to_have_count(pages)
    assert page.get_by_role("link", name="Older events").count() == 0
    page.get_by_role("link", name="back to the newest").click()
    expect(rows).to_have_count(50)

    def found(**fields: str) -> int:
        page.get_by_role("link", name="Clear").click()
        for label, value in fields.items():
            page.get_by_label(label.replace("_", " ")).fill(value)
        page.get_by_role("button", name="Search").click()
        page.wait_for_url("**/audit?*")
        return rows.count()

    assert found(User="user1") == 40
    assert found(Address_or_network="198.51.100.2") == 24
    assert found(Path_begins_with="/v1/items/11") == 11
    assert found(Kind="log*") == 1
    rows.locator("summary").click()
    expect(rows.locator("pre")).to_have_text('{"mfa": true}')
    assert found(From="2099-01-01 00:00") == 0
    assert found(To="yesterday") == 0
    expect(page.locator(".note")).to_contain_text("To is no time")
    page.get_by_role("link", name="Clear").click()
    page.get_by_label("Limited").check()
    page.get_by_role("button", name="Search").click()
    expect(rows).to_have_count(12)
    # A user in the list leads to the user's events.
    rows.first.get_by_role("link").first.click()
    expect(rows).to_have_count(40)
    context.close()


def test_journals_are_offered_while_postgres_is_down(browser: Browser) -> None:
    with stands.postgres() as url:
        stand = Stand(database=url)
        stand.call("LW.AUDIT", "USER", "early")
        wait_for("Postgres has the event", lambda: stand.info("audit_pending") == "0")
    context = browser.new_context()
    try:
        stand.call("LW.AUDIT", "USER", "late")
        page = stands.sign_in(context, stand.web)
        expect(page.locator("#headline")).to_contain_text("audit event")
        page.goto(f"{stand.web.url}/audit")
        expect(page.locator(".note").first).to_contain_text("LW.AUDITLOG QUERY")
        page.get_by_role("link", name="journals alone").click()
        expect(page.locator("tbody")).to_contain_text("late")
    finally:
        context.close()
        stand.stop()
