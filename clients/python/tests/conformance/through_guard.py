"""Plays the logins of a case with a guard that knows no framework."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lockwatch import (
    AsyncLockWatch,
    Attempt,
    AttemptDeniedError,
    Guard,
    LockWatch,
    NoRuleError,
    UnavailableError,
)
from lockwatch.errors import answered_error
from lockwatch.testing import AsyncStub, Stub

ERRORS = {"denied": AttemptDeniedError, "unavailable": UnavailableError, "configuration_error": NoRuleError}


def run(case: dict[str, Any], options: dict[str, Any]) -> Stub:
    """The stub that was asked and told."""
    stub = Stub()
    stub.answer("LW.ATTEMPT", *answers(case))
    with LockWatch(stub) as lockwatch:
        guard = Guard(lockwatch, "login", **options)
        if case["result"] == "goes on":
            with guard.attempt(**case["attempt"]) as attempt:
                say(case, attempt)
        else:
            with pytest.raises(ERRORS[case["result"]]) as refused, guard.attempt(**case["attempt"]):
                raise AssertionError("the login goes on")
            check(case, refused.value)
    return stub


def run_async(case: dict[str, Any], options: dict[str, Any]) -> AsyncStub:
    """The same in asyncio."""
    stub = AsyncStub()
    stub.answer("LW.ATTEMPT", *answers(case))
    asyncio.run(_run(stub, case, options))
    return stub


async def _run(stub: AsyncStub, case: dict[str, Any], options: dict[str, Any]) -> None:
    async with AsyncLockWatch(stub) as lockwatch:
        guard = Guard(lockwatch, "login", **options)
        if case["result"] == "goes on":
            async with guard.attempt(**case["attempt"]) as attempt:
                say(case, attempt)
        else:
            with pytest.raises(ERRORS[case["result"]]) as refused:
                async with guard.attempt(**case["attempt"]):
                    raise AssertionError("the login goes on")
            check(case, refused.value)


def answers(case: dict[str, Any]) -> list[Any]:
    replies = [exchange["reply"] for exchange in case["asked"]]
    return [answered_error(*each["error"].split(" ", 1)) if isinstance(each, dict) else each for each in replies]


def say(case: dict[str, Any], attempt: Attempt) -> None:
    for outcome in case["says"]:
        getattr(attempt, outcome)()


def check(case: dict[str, Any], error: BaseException) -> None:
    if isinstance(error, AttemptDeniedError):
        assert error.retry_after_seconds == case["retry_after"]
