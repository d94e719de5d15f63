"""Web servers in processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from lockwatch.testing.server import free_port

from .waiting import wait_for

TESTS = Path(__file__).resolve().parents[1]
ASGI = {
    "fastapi": "apps.fastapi_app:app",
    "starlette": "apps.starlette_app:app",
    "django-asgi": "apps.django_app:asgi",
}
WSGI = {"flask": "apps.flask_app:app", "django": "apps.django_app:application"}
FRAMEWORKS = [*ASGI, *WSGI]
# Applications with route limits and tokens.
ACCOUNTS = ["fastapi account", "flask account"]
ASGI_MODULES = {
    **ASGI,
    "fastapi account": "apps.fastapi_account:app",
    "slowapi before": "migration.slowapi_before:app",
    "slowapi after": "migration.slowapi_after:app",
}
WSGI_MODULES = {
    **WSGI,
    "flask account": "apps.flask_account:app",
    "flask-limiter before": "migration.flask_limiter_before:app",
    "flask-limiter after": "migration.flask_limiter_after:app",
    "drf": "migration.drf_shop.wsgi:application",
}


def command(framework: str, bind: list[str], workers: int) -> list[str]:
    """The usual command to serve a framework."""
    python = [sys.executable, "-m"]
    if framework in ASGI_MODULES:
        # By default uvicorn replaces the peer's address with that of X-Forwarded-For.
        flags = ["--no-proxy-headers", "--no-access-log", "--log-level", "warning", "--workers", str(workers)]
        return [*python, "uvicorn", ASGI_MODULES[framework], *bind, *flags]
    flags = ["--workers", str(workers), "--worker-class", "gthread", "--threads", "8", "--keep-alive", "30"]
    return [*python, "gunicorn", WSGI_MODULES[framework], *bind, *flags]


class Web:
    """A served application of tests/apps, with an HTTP client."""

    def __init__(
        self,
        framework: str,
        *,
        workers: int = 1,
        unix: str | None = None,
        bare: bool = False,
        preload: bool = False,
        environment: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        self.port = free_port()
        if unix is not None:
            bind = ["--uds", unix] if framework in ASGI_MODULES else ["--bind", f"unix:{unix}"]
        else:
            port = str(self.port)
            bind = ["--port", port] if framework in ASGI_MODULES else ["--bind", f"127.0.0.1:{port}"]
        self._log = tempfile.NamedTemporaryFile(prefix="lockwatch-web-", suffix=".log")  # noqa: SIM115  # closed in stop
        options = {"exempt": ["/health"], "log_interval_seconds": 0.2, **options}
        self._process = subprocess.Popen(
            [*command(framework, bind, workers), *(["--preload"] if preload else [])],
            cwd=TESTS,
            env={
                **os.environ,
                **({"BARE": "1"} if bare else {}),
                **(environment or {}),
                "LOCKWATCH_OPTIONS": json.dumps(options),
                # The sources that the tests themselves use come before installed packages.
                "PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]),
            },
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        transport = httpx.HTTPTransport(uds=unix) if unix is not None else None
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", transport=transport, timeout=10)

    @property
    def log(self) -> str:
        """The output of the server and the application."""
        return Path(self._log.name).read_text(encoding="utf-8", errors="replace")

    def _is_up(self) -> bool:
        assert self._process.poll() is None, self.log
        try:
            return self.http.get("/health").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        """Stops the server as a deployment does, so that it finishes its requests."""
        self.http.close()
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            self._log.close()

    def __enter__(self) -> Web:
        try:
            wait_for("the web server", self._is_up, 60)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
