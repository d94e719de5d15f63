"""What the page says where there is nothing to show, or no right to see it."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from stand import Stand, sign_in


def test_a_new_server_is_quiet(page: Page, stand: Stand) -> None:
    expect(page.locator("#headline h1")).to_contain_text("All is quiet")
    expect(page.locator("#limited")).to_contain_text("No call has been limited yet")
    expect(page.locator("#bans")).to_contain_text("There is no guard yet")
    expect(page.locator("#delivery")).to_contain_text("no database is set")
    for path, text in [
        ("/limits", "There are no policies"),
        ("/bans", "There is no guard yet"),
        ("/sessions", "There is no token store yet"),
        ("/audit", "No event matches"),
        ("/delivery", "Nothing was given up"),
        ("/key?key=nothing", "There is no such key now"),
        ("/why?guard=login&ip=203.0.113.9", "There is no guard login"),
        ("/why?guard=nonsense&ip=203.0.113.9", "There are no rules for a guard of the name nonsense"),
        ("/sessions?store=auth&subject=nobody", "There is no token store of the name auth"),
    ]:
        page.goto(stand.web.url + path)
        expect(page.locator("main")).to_contain_text(text)


def test_a_server_without_the_module(browser: Browser) -> None:
    stand = Stand(module=False)
    context = browser.new_context()
    try:
        page = sign_in(context, stand.web)
        expect(page.locator("#headline h1")).to_contain_text("has no lockwatch: the module is not loaded")
        expect(page.locator("#limited .note")).to_contain_text("does not know LW.TOP")
        expect(page.locator("#nodes")).to_contain_text("no module")
    finally:
        context.close()
        stand.stop()


def test_missing_rights_are_named(browser: Browser) -> None:
    stand = Stand()
    context = browser.new_context()
    try:
        stand.call(
            "ACL", "SETUSER", "looker", "on", ">secret", "resetkeys", "+@connection", "+info", "-@dangerous", "+info"
        )
        url = f"redis://looker:secret@127.0.0.1:{stand.server.port}"
        page = sign_in(context, stand.other_web(url))
        expect(page.locator("#limited .note")).to_contain_text("needs the right +lw.top")
        expect(page.locator("#alerts .note")).to_contain_text("needs the right +lw.alerts|recent")
        page.goto(page.url + "why?guard=login&ip=203.0.113.9")
        expect(page.locator(".note")).to_contain_text("needs the right +lw.why")
        assert "secret" not in page.content()
    finally:
        context.close()
        stand.stop()
