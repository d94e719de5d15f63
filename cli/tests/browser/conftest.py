from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import stand as stands
from playwright.sync_api import Browser, Page, sync_playwright
from stand import Stand


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = stands.launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def database() -> Iterator[str]:
    with stands.postgres() as url:
        yield url


@pytest.fixture
def stand() -> Iterator[Stand]:
    """A server without a database, and the program with actions."""
    stand = Stand("--allow-actions")
    yield stand
    stand.stop()


@pytest.fixture
def page(browser: Browser, stand: Stand) -> Iterator[Page]:
    """The overview, signed in. The test fails if the page reports an error of a script or the policy."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = stands.sign_in(context, stand.web)
    faults: list[str] = []
    # The browser reports answers such as 401 too, which a test may want.
    is_fault = re.compile(r"(?!Failed to load resource: the server responded)")
    page.on(
        "console",
        lambda message: faults.append(message.text) if message.type == "error" and is_fault.match(message.text) else None,
    )
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    context.close()
    assert faults == []
