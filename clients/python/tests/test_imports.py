"""What importing the client brings: no framework, and methods with signatures."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from lockwatch import AsyncLockWatch, LockWatch
from lockwatch.testing import AsyncStub, Stub

FRAMEWORKS = ["fastapi", "starlette", "flask", "werkzeug", "django"]


@pytest.mark.parametrize("module", ["lockwatch", "lockwatch.client", "lockwatch.aio", "lockwatch.http.route_limit"])
def test_no_framework_is_imported(module: str) -> None:
    program = f"import sys, {module}; print(*sorted(sys.modules))"
    imported = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert {name.partition(".")[0] for name in imported.stdout.split()}.isdisjoint(FRAMEWORKS)


def test_the_clients_have_no_limits_of_frameworks() -> None:
    for client in (LockWatch, AsyncLockWatch):
        assert not hasattr(client, "limit")


def test_methods_have_the_signatures_of_their_commands() -> None:
    for client in (LockWatch(Stub()), AsyncLockWatch(AsyncStub())):
        assert list(inspect.signature(client.ratelimit).parameters) == [
            *("key", "limits", "window", "cost", "force", "with_time")
        ]
        assert client.ratelimit.__doc__
