from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

import stand as stands
from stand import Stand

expect.set_options(timeout=stands.PATIENCE * 1000)


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
    with Stand("--allow-actions") as stand:
        yield stand


def is_fault(message: ConsoleMessage) -> bool:
    """Answers such as 401 are reported as well, and a test may want one."""
    return message.type == "error" and not message.text.startswith("Failed to load resource: the server responded")


@pytest.fixture
def page(browser: Browser, stand: Stand) -> Iterator[Page]:
    """The overview, signed in. The test fails if a script or the policy reports an error."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = stands.sign_in(context, stand.web)
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if is_fault(message) else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    context.close()
    assert faults == []
