"""What is seen without reloading, and how updates behave."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from stand import Stand, wait_for


def burst(stand: Stand, key: str, *more: str) -> None:
    for _ in range(3):
        stand.call("LW.BURST", key, 3, "10s", *more)


def test_a_burst_appears_while_the_page_is_open(page: Page, stand: Stand) -> None:
    expect(page.locator("#headline h1")).to_contain_text("All is")
    expect(page.locator("#alerts")).to_contain_text("No alert was raised")
    burst(stand, "login:198.51.100.7", "IP", "198.51.100.7", "ENDPOINT", "/login", "METHOD", "POST")
    expect(page.locator("#headline h1")).to_contain_text("Burst: 198.51.100.7 made 3 calls of POST /login in 10 s")
    expect(page.locator("#alerts .events li")).to_contain_text("delivered")
    # What changed was told once to a screen reader, and is the title of the tab.
    expect(page.get_by_role("status").first).to_contain_text("Burst: 198.51.100.7")
    assert page.title().startswith("Burst: 198.51.100.7")


def test_an_attack_makes_the_headline(page: Page, stand: Stand) -> None:
    for address in range(1, 4):
        for user in range(12):
            words = ("IP", f"203.0.113.{address}", "USER", f"u{user}")
            if stand.call("LW.ATTEMPT", "login", *words)[0] == 0:
                stand.call("LW.EVENT", "login", "failure", *words)
    expect(page.locator("#headline h1")).to_contain_text("Attack on login: 3 addresses banned")
    row = page.locator("#bans tbody tr").first
    expect(row).to_contain_text("stuffing: more than 10 users in 10 min")
    expect(page.locator("#alerts .events li").first).to_contain_text("and 2 more")


def test_limited_keys_and_rates_appear(page: Page, stand: Stand) -> None:
    stand.call("LW.POLICY", "SET", "api", 2, "1m")
    for _ in range(30):
        stand.call("LW.RATELIMIT", "lw:{key:acme}:api", "@api")
    row = page.locator("#limited tbody tr")
    expect(row).to_contain_text("lw:{key:acme}:api")
    expect(row).to_contain_text("@api 2 in 1 min")
    expect(row).to_contain_text("28")
    expect(page.locator("#now")).to_contain_text("93 % of calls")
    row.get_by_role("link").click()
    expect(page.locator("#policy")).to_contain_text("0 of 2")
    expect(page.locator("#holds")).to_contain_text("a limit of LW.RATELIMIT")


def test_focus_scroll_and_what_is_open_survive_updates(page: Page, stand: Stand) -> None:
    stand.call("LW.AUDIT", "USER", "alice", "DATA", '{"order":17}')
    page.goto(f"{stand.web.url}/audit")
    page.set_viewport_size({"width": 600, "height": 300})
    details = page.locator("details")
    details.locator("summary").click()
    page.get_by_label("User").fill("half a na")
    page.evaluate("scrollTo(0, 120)")
    before = page.evaluate("scrollY")
    stand.call("LW.AUDIT", "USER", "bob")
    expect(page.locator("tbody tr")).to_have_count(2)
    assert details.get_attribute("open") is not None
    assert page.get_by_label("User").input_value() == "half a na"
    assert page.evaluate("document.activeElement.name") == "user"
    assert page.evaluate("scrollY") == before


def test_updates_can_be_paused(page: Page, stand: Stand) -> None:
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".live")).to_contain_text("Paused")
    burst(stand, "b")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.wait_for_timeout(6_000)
    assert requests == []
    expect(page.locator("#alerts")).to_contain_text("No alert was raised")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#alerts")).to_contain_text("b made 3 calls")


def test_the_page_says_when_the_program_or_the_server_is_away(page: Page, stand: Stand) -> None:
    stand.server.kill()
    expect(page.locator("#headline h1")).to_contain_text("is away")
    expect(page.locator("#nodes")).to_contain_text("away")
    stand.server.start()
    expect(page.locator("#headline h1")).to_contain_text("All is")


def test_a_session_that_ended_is_said_so(page: Page, stand: Stand) -> None:
    other = page.context.new_page()
    other.goto(stand.web.url)
    other.get_by_role("button", name="Sign out").click()
    expect(page.locator(".live")).to_contain_text("Signed out")


def test_it_works_without_javascript(page: Page, stand: Stand) -> None:
    browser = page.context.browser
    assert browser
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto(stand.web.link())
    burst(stand, "b")
    wait_for("the alert shows after reloading", lambda: plain.reload() and "b made 3 calls" in plain.inner_text("main"))
    expect(plain.get_by_role("button", name="Pause")).to_be_hidden()
    stand.call("LW.BAN", "login", "IP", "203.0.113.9", "FOR", "1h", "REASON", "scans us", "BY", "dora")
    plain.goto(f"{stand.web.url}/why?guard=login&ip=203.0.113.9")
    expect(plain.locator("#verdict")).to_contain_text("by dora: scans us")
    plain.get_by_role("link", name="Lift", exact=True).click()
    plain.get_by_role("button", name="Lift").click()
    expect(plain.locator("#verdict")).to_contain_text("is let through")
    context.close()
