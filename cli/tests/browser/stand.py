"""What the tests run against: servers, the program, and a browser that is signed in to it."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import redis
from lockwatch.testing import RedisServer
from playwright.sync_api import Browser, BrowserContext, Page, Playwright

REPOSITORY = Path(__file__).resolve().parents[3]
PROGRAM = os.environ.get("LOCKWATCH_PROGRAM") or str(REPOSITORY / "target/debug/lockwatch")
CHROMIUM = os.environ.get("LOCKWATCH_CHROMIUM") or "/usr/bin/chromium"
_POSTGRES = REPOSITORY / "tests/docs/examples/postgres.sh"
# Longer than any wait that succeeds: the page updates every five seconds.
PATIENCE = 30.0


def wait_for(what: str, condition: Callable[[], object]) -> None:
    """Waits until `condition` holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {PATIENCE:.0f} s: {what}")
        time.sleep(0.02)


class Receiver:
    """A webhook receiver that answers with `status`."""

    def __init__(self) -> None:
        self.status = 204
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(receiver.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/hook"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL with the database `lockwatch`; yields its URL."""
    process = subprocess.Popen([str(_POSTGRES)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        port = process.stdout.readline().strip()
        if not port:
            raise RuntimeError("PostgreSQL did not start; see above")
        yield f"postgres://lockwatch@127.0.0.1:{port}/lockwatch"
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait()


class Web:
    """The program. It ends with the stand, by SIGTERM and with the code 0."""

    def __init__(self, directory: Path, redis_url: str, *options: str) -> None:
        self._out = directory / "web.out"
        self._out.touch()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LOCKWATCH_")}
        with self._out.open("w") as out, (directory / "web.err").open("w") as err:
            command = [PROGRAM, "--redis", redis_url, "web", "--listen", "127.0.0.1:0", *options]
            self.process = subprocess.Popen(command, stdout=out, stderr=err, stdin=subprocess.DEVNULL, env=environment)
        wait_for("the program prints a link", lambda: self._links() or self.process.poll() is not None)
        if self.process.poll() is not None:
            raise RuntimeError((directory / "web.err").read_text())
        found = re.search(r"The page is at (http://\S+?)/ ", self._out.read_text())
        assert found
        self.url = found.group(1)

    def _links(self) -> list[str]:
        return re.findall(r"http://\S+/login\?token=\S+", self._out.read_text())

    def link(self) -> str:
        """A link that works once."""
        known = len(self._links())
        self.process.send_signal(signal.SIGUSR1)
        wait_for("the program prints another link", lambda: len(self._links()) > known)
        return self._links()[-1]

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE)
        if code != 0:
            raise AssertionError(f"the program ended with {code}")


class Stand:
    """A server with the module, its receiver and the program, for one test or several."""

    def __init__(
        self, *options: str, database: str | None = None, module: bool = True, hurry: int | None = None
    ) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="lockwatch-browser-")
        directory = Path(self._directory.name)
        self.receiver = Receiver()
        words: list[str] = []
        if module:
            words = ["--lockwatch.guard-learn", "0", "--lockwatch.webhook-allow-private", "yes"]
            words += ["--lockwatch.webhook-urls", self.receiver.url]
        if database is not None:
            file = directory / "postgres.url"
            file.write_text(database)
            file.chmod(0o600)
            words += ["--lockwatch.postgres-url-file", str(file)]
        self.server = RedisServer(*words) if module else RedisServer(module=None)
        if hurry is not None:
            # A module with debug commands divides the waits between the tries of an alert by it.
            os.environ["LOCKWATCH_HURRY"] = str(hurry)
        self.server.start()
        os.environ.pop("LOCKWATCH_HURRY", None)
        self.redis = redis.Redis(port=self.server.port, protocol=2)
        self.web = Web(directory, self.server.url, *options)
        self._others: list[Web] = []

    def __enter__(self) -> Stand:
        """The stand, which has started already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stops everything."""
        self.stop()

    def call(self, *words: str | bytes | int) -> Any:  # noqa: ANN401 # replies have many shapes
        return self.redis.execute_command(*words)

    def info(self, name: str) -> str:
        fields: dict[str, Any] = self.redis.info("lockwatch")
        return str(fields[f"lockwatch_{name}"])

    def events(self, *words: str) -> list[dict[str, Any]]:
        """Events of the audit log, newest first."""
        records = self.call("LW.AUDITLOG", "QUERY", *words)
        pairs = [dict(zip(record[::2], record[1::2], strict=True)) for record in records]
        return [
            {name.decode(): value.decode() if isinstance(value, bytes) else value for name, value in pair.items()}
            for pair in pairs
        ]

    def data(self, kind: str) -> dict[str, Any]:
        """DATA of the newest event of a kind."""
        data: dict[str, Any] = json.loads(self.events("KIND", kind)[0]["data"])
        return data

    def other_web(self, url: str) -> Web:
        """A second program, which connects by `url`."""
        directory = Path(tempfile.mkdtemp(dir=self._directory.name))
        self._others.append(Web(directory, url))
        return self._others[-1]

    def stop(self) -> None:
        try:
            for web in [self.web, *self._others]:
                web.stop()
        finally:
            self.redis.close()
            self.server.stop()
            self.receiver.stop()
            self._directory.cleanup()


def launch(playwright: Playwright) -> Browser:
    """Chromium without connections of its own to the network."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    quiet = ["--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update"]
    return playwright.chromium.launch(executable_path=CHROMIUM, args=[*sandbox, *quiet])


def sign_in(context: BrowserContext, web: Web) -> Page:
    """A page that is signed in by a link."""
    page = context.new_page()
    page.set_default_timeout(PATIENCE * 1000)
    page.goto(web.link())
    return page
