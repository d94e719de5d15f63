"""The calls of the client's methods that all clients share, on a scripted connection."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest

import lockwatch
from conformance import called
from conformance.cases import DOCUMENT
from lockwatch import AsyncLockWatch, LockWatch

CALLS: list[dict[str, Any]] = DOCUMENT["calls"]
CLIENTS: dict[str, Any] = {"sync": called.call, "async": called.call_async}
# Methods that send no command of their own, or not one alone.
OTHERS = {"aclose", "close", "connect", "execute", "lease", "stats"}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("case", CALLS, ids=lambda case: case["name"])
def test_a_method_does_what_the_case_says(case: dict[str, Any], client: str) -> None:
    expected = called.exchanges(case)
    with called.CallServer() as server:
        server.script.extend(exchange["reply"] for exchange in expected)
        result = CLIENTS[client](case, f"redis://127.0.0.1:{server.port}")
        [(_, (fast, _)), *sent] = server.sent
    assert [called.without_id(words) for words, _ in sent] == [exchange["command"] for exchange in expected]
    slow = {where[0] != fast for _, where in sent}
    assert slow <= {case.get("slow", False)}, "on the connection of slow commands, or on that of the others"
    if "error" in case:
        called.check_error(case["error"], result)
    else:
        called.check(case["result"], result)


WITH_MAPS = [case for case in CALLS if '{"map":' in json.dumps(case.get("reply")) and "result" in case]


@pytest.mark.parametrize("case", WITH_MAPS, ids=lambda case: case["name"])
def test_maps_of_resp3_are_the_same_records(case: dict[str, Any]) -> None:
    connection = called.Mapped(case)
    called.check(case["result"], getattr(LockWatch(connection), case["method"])(**called.arguments(case)))
    assert connection.sent == [case["command"]]


@pytest.mark.parametrize("client", [LockWatch, AsyncLockWatch])
def test_each_method_has_a_case(client: type[Any]) -> None:
    methods = {name for name, _ in inspect.getmembers(client, inspect.isfunction) if not name.startswith("_")}
    assert {case["method"] for case in CALLS} == methods - OTHERS


def test_each_kind_of_error_has_a_case() -> None:
    kinds = {case["error"]["kind"] for case in CALLS if "error" in case}
    assert kinds == set(called.KINDS)


def test_each_section_is_run() -> None:
    """A section that is new is to be run here too."""
    tests = Path(__file__).parent.rglob("*.py")
    run = {name for path in tests for name in re.findall(r'DOCUMENT\["(\w+)"\]', path.read_text("utf-8"))}
    assert DOCUMENT["version"] == 1
    assert run == set(DOCUMENT)


def test_an_argument_that_cannot_be_sent_is_refused() -> None:
    with called.CallServer() as server, LockWatch(f"redis://127.0.0.1:{server.port}") as lw:
        for key in (42, None, ["k"]):
            with pytest.raises(lockwatch.ConfigurationError, match="expected a text or bytes"):
                lw.peek(key, "1/minute")  # type: ignore[arg-type]
        with pytest.raises(lockwatch.ConfigurationError, match="expected a text or a number"):
            lw.audit(user=1.5)  # type: ignore[arg-type]
        assert not server.sent


def test_the_runner_sees_differences() -> None:
    """So that no case passes because nothing is compared."""
    result = lockwatch.RateLimitResult(allowed=True, limit=5, remaining=4, retry_after_ms=0, reset_after_ms=60)
    called.check({"limit": 5, "allowed": True}, result)
    for wrong in ({"limit": 6}, {"limit": None}, {"allowed": 1}, {"remaining": "4"}):
        with pytest.raises(AssertionError):
            called.check(wrong, result)
    for wrong_list in ([], [{"limit": 5}, {"limit": 5}]):
        with pytest.raises(AssertionError):
            called.check(wrong_list, [result])
    with pytest.raises(AssertionError):
        called.check_error({"kind": "command"}, lockwatch.UnavailableError("OOM", "OOM"))
