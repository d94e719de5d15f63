"""Whatever a client writes stays text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page

import stand as stands
from stand import Stand, wait_for

# Each leaves its context in some way that HTML, attributes, URLs, scripts or SVG know.
PAYLOADS = [
    "<script>window.broken=1</script>",
    '"><img src=x onerror="window.broken=1">',
    "'><svg onload=window.broken=1>",
    "</textarea></title></style><iframe srcdoc='<script>parent.broken=1</script>'>",
    "javascript:window.broken=1//",
    "{{7*7}}{% raw %}${7*7}",
    "&lt;script&gt;window.broken=1&lt;/script&gt;",
]
# Invisible, and what changes the direction of text.
TRICKS = "a\u202eb\u200bc\u2066d\ufeffe"
EVIL = "".join(PAYLOADS)


def fill(stand: Stand) -> None:
    """Writes the payloads into every field that a client controls."""
    call = stand.call
    for payload in [*PAYLOADS, TRICKS, "line\nbreak\x1b[2J\x00end"]:
        for _ in range(3):
            call("LW.RATELIMIT", payload, 1, "1m")
            call("LW.BURST", f"burst:{payload}", 3, "10s", "ENDPOINT", payload, "AGENT", payload)
        call("LW.ACQUIRE", f"lease:{payload}", 3, "1m", "ID", "".join(c for c in payload if " " < c < "\x7f")[:60])
        call("LW.AUDIT", "USER", payload, "ENDPOINT", payload, "DATA", json.dumps({payload: payload}))
        call("LW.ALERT", "evil.data", json.dumps({"text": payload}))
        call("LW.BAN", "login", "KEY", payload, "FOR", "1h", "REASON", payload, "BY", payload)
        call("LW.ALLOW", "login", "USER", payload, "FOR", "1h", "REASON", payload, "BY", payload)
        call("LW.EVENT", f"login:{payload}", "failure", "IP", "203.0.113.9", "USER", payload)
        call("LW.ATTEMPT", "login", "IP", "203.0.113.9", "USER", payload, "DEVICE", payload[:64], "VALUE", payload[:64])
        if "\x00" not in payload:
            subject = payload
            call(
                "LW.ISSUE",
                "auth",
                subject,
                "META",
                json.dumps({"device": payload}),
                "CLAIMS",
                json.dumps({"x": payload}),
            )
            call("LW.ISSUE", f"auth:{payload}", subject)
    call("LW.POLICY", "SET", "api", 1, "1m")
    call("LW.POLICY", "SET", "api", 0, "1m", "FOR", EVIL[:200])
    for _ in range(3):
        call("LW.RATELIMIT", "{" + EVIL[:200] + "}", "@api")
    call("LW.RATELIMIT", b"\xff\xfe<b>bytes</b>", 0, "1m")
    call("LW.AUDIT", "METHOD", "<b>GET</b>".replace("<", "").replace(">", "").replace("/", ""), "STATUS", 599)


@pytest.fixture(scope="module")
def hostile() -> Iterator[Stand]:
    with Stand("--allow-actions") as stand:
        fill(stand)
        yield stand


@pytest.fixture
def page(browser: Browser, hostile: Stand) -> Iterator[Page]:
    context = browser.new_context()
    page = stands.sign_in(context, hostile.web)
    yield page
    context.close()


PATHS = [
    "/",
    "/limits",
    "/bans",
    "/bans?list=allowed",
    "/sessions",
    "/audit",
    "/audit?local=1&kind=%3Cscript%3E",
    "/delivery",
    "/nodes",
]


def reflected(payload: str) -> list[str]:
    """Paths that show what their query says."""
    value = quote(payload, safe="")
    return [
        f"/key?key={value}&policy={value}&db={value}",
        f"/key?key={value}&policy=api",
        f"/bans?guard={value}&list={value}",
        f"/bans?guard=login:{value}",
        f"/why?guard=login:{value}&ip=203.0.113.9&user={value}",
        f"/why?guard=login&key={value}",
        f"/why?guard=login&ip={value}",
        f"/why?guard={value}&hash={value}",
        f"/sessions?store=auth&subject={value}",
        f"/sessions?store=auth:{value}&subject={value}",
        f"/audit?user={value}&ip={value}&kind={value}&endpoint={value}&method={value}&status={value}&from={value}",
        f"/audit?user={value}&before={value}",
        f"/actions/lift?guard={value}&kind=key&value={value}&back={value}",
        f"/actions/revoke?store={value}&subject={value}&session={value}&back={value}",
        f"/actions/retry?queue=alerts&id={value}&node={value}",
    ]


# The page has one script, and nothing in it runs or loads but what the server gave it.
_STATE = """() => ({
  broken: window.broken ?? null,
  scripts: [...document.scripts].map((script) => script.src && new URL(script.src).pathname),
  handlers: [...document.querySelectorAll("*")].flatMap((e) => [...e.attributes]).filter(
    (a) => a.name.startsWith("on") || /^\\s*javascript:/i.test(a.value) && ["href", "src", "action"].includes(a.name)
  ).map((a) => `${a.name}=${a.value}`),
  foreign: [...document.querySelectorAll("iframe, object, embed, base, style, img:not([src^='/static/'])")].map(
    (e) => e.outerHTML
  ),
  hidden: /[\\u202a-\\u202e\\u2066-\\u2069\\u200b-\\u200f\\ufeff]/.test(document.body.innerText),
})"""


def check(page: Page, url: str) -> None:
    faults: list[str] = []
    page.on(
        "console", lambda message: faults.append(message.text) if "Content Security Policy" in message.text else None
    )
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("dialog", lambda dialog: faults.append(dialog.message))
    page.goto(url)
    state = page.evaluate(_STATE)
    scripts = state.pop("scripts")
    assert scripts in (["/static/page.js"], []), url
    assert state == {"broken": None, "handlers": [], "foreign": [], "hidden": False}, url
    assert faults == [], url


def test_what_clients_wrote_stays_text(page: Page, hostile: Stand) -> None:
    guards = page.locator("nav[aria-label=Guards] a")
    wait_for("guards are found", lambda: page.goto(f"{hostile.web.url}/bans") and guards.count() > 5)
    for path in PATHS:
        check(page, hostile.web.url + path)
    page.goto(hostile.web.url)
    # The payloads are there, and an update keeps them text too.
    assert "<script>window.broken=1</script>" in page.inner_text("main")
    with page.expect_response(lambda response: "/live/" in response.url):
        pass
    assert page.evaluate("window.broken ?? null") is None


@pytest.mark.parametrize("payload", [*PAYLOADS, TRICKS])
def test_what_the_url_says_stays_text(page: Page, hostile: Stand, payload: str) -> None:
    for path in reflected(payload):
        check(page, hostile.web.url + path)


def test_links_lead_to_keys_of_any_bytes(page: Page, hostile: Stand) -> None:
    page.goto(f"{hostile.web.url}/limits")
    page.get_by_role("link", name="\\xff\\xfe<b>bytes</b>").click()
    assert "There is no such key now" in page.inner_text("main")
    page.goto(f"{hostile.web.url}/limits")
    page.get_by_role("link", name="line\\nbreak\\x1b[2J\\x00end").first.click()
    assert "a limit of LW.RATELIMIT" in page.inner_text("#holds")


def test_a_subject_with_markup_can_be_lifted_and_revoked(page: Page, hostile: Stand) -> None:
    payload = PAYLOADS[1]
    page.goto(f"{hostile.web.url}/sessions")
    page.get_by_label("Token store").fill(f"auth:{payload}")
    page.get_by_label("Subject").fill(payload)
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="Revoke the session").click()
    page.get_by_role("button", name="Revoke").click()
    assert hostile.call("LW.SESSIONS", f"auth:{payload}", payload) == []
    check(page, page.url)
    page.goto(f"{hostile.web.url}/why?guard=login")
    page.get_by_label("or key").fill(payload)
    page.get_by_role("button", name="Explain").click()
    page.get_by_role("link", name="Lift", exact=True).click()
    page.get_by_role("button", name="Lift").click()
    assert hostile.call("LW.CHECK", "login", "KEY", payload)[0] == 0
    assert hostile.data("guard.lift")["free_key"] == payload
