"""Links and forms on other sites.

A browser leaves the session's cookie out of their requests, because it is SameSite=Strict.
"""

from __future__ import annotations

from playwright.sync_api import Browser, Page, Route, expect

import stand as stands
from stand import Stand

OTHER_SITE = "http://other.example/"


def follow(page: Page, url: str) -> None:
    """Clicks on a link to `url` that stands on another site."""

    def answer(route: Route) -> None:
        route.fulfill(content_type="text/html", body=f'<a href="{url}">Look</a>')

    page.route(OTHER_SITE, answer)
    page.goto(OTHER_SITE)
    page.get_by_role("link", name="Look").click()


def test_the_one_time_link_on_another_site_signs_in(browser: Browser, stand: Stand) -> None:
    page = browser.new_context().new_page()
    follow(page, stand.web.link())
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.context.close()


def test_a_link_to_a_page_leads_there(browser: Browser, stand: Stand) -> None:
    page = stands.sign_in(browser.new_context(), stand.web)
    follow(page, f"{stand.web.url}/audit?user=alice&kind=login")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    assert page.url.endswith("/audit?user=alice&kind=login")
    page.context.close()


def test_a_form_on_another_site_changes_nothing(browser: Browser, stand: Stand) -> None:
    page = stands.sign_in(browser.new_context(), stand.web)
    stand.call("LW.BAN", "login", "IP", "203.0.113.9", "FOR", "1h")
    fields = {"guard": "login", "kind": "ip", "value": "203.0.113.9", "confirm": "yes"}
    inputs = "".join(f'<input type="hidden" name="{name}" value="{value}">' for name, value in fields.items())
    form = f'<form method="post" action="{stand.web.url}/actions/lift">{inputs}<button>Win</button></form>'
    page.route(OTHER_SITE, lambda route: route.fulfill(content_type="text/html", body=form))
    page.goto(OTHER_SITE)
    page.get_by_role("button", name="Win").click()
    expect(page.get_by_text("This was sent from another page.")).to_be_visible()
    assert len(stand.call("LW.BANS", "login")) == 1
    page.context.close()


def test_the_page_is_in_no_frame(browser: Browser, stand: Stand) -> None:
    page = stands.sign_in(browser.new_context(), stand.web)
    frame = f'<iframe src="{stand.web.url}/"></iframe>'
    page.route(OTHER_SITE, lambda route: route.fulfill(content_type="text/html", body=frame))
    page.goto(OTHER_SITE, wait_until="networkidle")
    shown = page.frames[1].content()
    assert "lockwatch" not in shown
    page.context.close()
