#!/usr/bin/env python3
"""Takes the pictures of the operators' page in docs/images, under traffic with an attack.

    shots.py                  docs/images/web-*.png
    shots.py --to DIRECTORY   somewhere else
    shots.py --all            also of the pages that the documentation does not show

It takes two minutes: rates and bans have to gather. README.md says what it needs.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

REPOSITORY = Path(__file__).resolve().parents[3]
# Pytest adds it by itself.
sys.path.insert(0, str(REPOSITORY / "clients/python/src"))

import stand as stands  # noqa: E402
from stand import Receiver, Stand  # noqa: E402

SECONDS_OF_TRAFFIC = 100
# Name, width, height, scale of the device, and whether the whole page is shown.
SCREENS = [("desktop", 1280, 800, 1, True), ("phone", 390, 844, 2, False)]
PAGES = {
    "overview": ("/", ["desktop", "phone"]),
    "why": ("/why?guard=login&ip=203.0.113.5", ["desktop"]),
    "audit": ("/audit?kind=guard.*&from=2020-01-01", ["desktop"]),
}
MORE = {
    "limits": "/limits",
    "key": "/key?key=lw:{key:initech}:api&policy=api",
    "bans": "/bans",
    "sessions": "/sessions?store=auth&subject=alice",
    "delivery": "/delivery",
    "servers": "/nodes",
    "confirm": "/actions/lift?guard=login&kind=ip&value=203.0.113.5&back=/",
}


def take(page: Page, url: str, file: Path, whole: bool) -> None:
    page.goto(url)
    page.wait_for_timeout(300)
    page.screenshot(path=file, full_page=whole, animations="disabled")


def take_all(browser: Browser, stand: Stand, directory: Path, also: bool) -> None:
    for screen, width, height, scale, whole in SCREENS:
        for scheme in ("light", "dark"):
            context = browser.new_context(
                viewport={"width": width, "height": height},
                device_scale_factor=scale,
                color_scheme="dark" if scheme == "dark" else "light",
            )
            page = stands.sign_in(context, stand.web)
            for name, (path, screens) in PAGES.items():
                if also or screen in screens:
                    file = directory / f"web-{name}-{screen}-{scheme}.png"
                    take(page, stand.web.url + path, file, whole or also)
            for name, path in MORE.items() if also else ():
                take(page, stand.web.url + path, directory / f"web-{name}-{screen}-{scheme}.png", True)
            context.close()


def main() -> None:
    """Starts everything, waits, and takes the pictures."""
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--to", type=Path, default=REPOSITORY / "docs/images")
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    options.to.mkdir(parents=True, exist_ok=True)
    with stands.postgres() as database, sync_playwright() as playwright:
        stand = Stand("--allow-actions", database=database)
        broken = Receiver()
        broken.status = 503
        stand.call("CONFIG", "SET", "lockwatch.webhook-urls", f"{stand.receiver.url} {broken.url}")
        traffic = subprocess.Popen([sys.executable, str(REPOSITORY / "scripts/traffic.py"), str(stand.server.port)])
        try:
            time.sleep(SECONDS_OF_TRAFFIC)
            browser = stands.launch(playwright)
            take_all(browser, stand, options.to, options.all)
            browser.close()
        finally:
            traffic.terminate()
            traffic.wait()
            stand.stop()
            broken.stop()


if __name__ == "__main__":
    main()
