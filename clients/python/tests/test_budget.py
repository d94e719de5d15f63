"""TokenBudget: what is reserved, and what it becomes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from lockwatch import AsyncLockWatch, ConfigurationError, LockWatch, TokenBudget, TokenBudgetExceededError
from lockwatch.budget import Reservation
from lockwatch.errors import UnavailableError
from lockwatch.testing import AsyncStub, Stub

AT = 1_795_796_270_967
ADMITTED = [0, 10_000, 9300, 0, 60_000, AT]
TOGETHER = [0, 1, 0, AT, 60, 59, 60_000, 10_000, 9300, 60_000]


@pytest.fixture(params=["sync", "async"])
def stub(request: pytest.FixtureRequest) -> Any:
    stub = Stub() if request.param == "sync" else AsyncStub()
    stub.answer("LW.RATELIMIT", ADMITTED)
    stub.answer("LW.MRATELIMIT", TOGETHER)
    return stub


def block(stub: Any, body: Callable[[Reservation], object], estimate: int = 700, **options: Any) -> None:
    """Runs a block with a reservation, of the client that the stub is for."""
    if isinstance(stub, Stub):
        with TokenBudget(LockWatch(stub), "10000/minute", **options).reserve("user:42", estimate) as reservation:
            body(reservation)
        return

    async def run() -> None:
        budget = TokenBudget(AsyncLockWatch(stub), "10000/minute", **options)
        async with budget.reserve("user:42", estimate) as held:
            body(held)

    asyncio.run(run())


RESERVED = ("LW.RATELIMIT", "{user:42}:tokens", "10000", "60", "COST", "700", "WITHTIME")


def settled(actual: int) -> tuple[str, ...]:
    return ("LW.SETTLE", "{user:42}:tokens", "700", str(actual), "AT", str(AT))


def test_what_was_used_replaces_the_estimate(stub: Any) -> None:
    block(stub, lambda reservation: reservation.settle(312))
    assert stub.calls == [RESERVED, settled(312)]


def test_what_was_used_may_be_more_than_the_estimate(stub: Any) -> None:
    block(stub, lambda reservation: reservation.settle(1312))
    assert stub.calls == [RESERVED, settled(1312)]


def test_a_reservation_that_nobody_settles_stays(stub: Any) -> None:
    block(stub, lambda _: None)
    assert stub.calls == [RESERVED]


def test_an_estimate_that_was_right_needs_no_command(stub: Any) -> None:
    block(stub, lambda reservation: reservation.settle(700))
    assert stub.calls == [RESERVED]


def test_tokens_are_counted_as_they_come(stub: Any) -> None:
    def stream(reservation: Reservation) -> None:
        for tokens in (3, 0, 40):
            reservation.add(tokens)
        assert reservation.used == 43

    block(stub, stream)
    assert stub.calls == [RESERVED, settled(43)]


def test_a_stream_without_a_token_gives_all_back(stub: Any) -> None:
    block(stub, lambda reservation: reservation.add(0))
    assert stub.calls == [RESERVED, settled(0)]


def test_an_exception_gives_nothing_back(stub: Any) -> None:
    def fails(reservation: Reservation) -> None:
        reservation.add(43)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        block(stub, fails)
    assert stub.calls == [RESERVED]


def test_an_exception_after_more_than_the_estimate_records_the_rest(stub: Any) -> None:
    def fails(reservation: Reservation) -> None:
        reservation.add(900)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        block(stub, fails)
    assert stub.calls == [RESERVED, settled(900)]


def test_what_was_settled_before_an_exception_counts(stub: Any) -> None:
    def fails(reservation: Reservation) -> None:
        reservation.settle(5)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        block(stub, fails)
    assert stub.calls == [RESERVED, settled(5)]


def test_a_cancelled_reservation_is_given_back(stub: Any) -> None:
    block(stub, lambda reservation: reservation.cancel())
    assert stub.calls == [RESERVED, settled(0)]


def test_requests_and_tokens_are_one_command(stub: Any) -> None:
    headers: list[dict[str, str]] = []
    block(stub, lambda reservation: headers.append(reservation.headers()), requests="60/minute")
    assert stub.calls == [
        (
            *("LW.MRATELIMIT", "{user:42}:requests", "60", "60", "1"),
            *("{user:42}:tokens", "10000", "60", "700"),
        )
    ]
    assert headers[0]["RateLimit"] == '"tokens";r=9300;t=60'


def test_a_cancelled_call_is_no_request_either(stub: Any) -> None:
    block(stub, lambda reservation: reservation.cancel(), requests="@requests")
    assert stub.calls[1:] == [settled(0), ("LW.REFUND", "{user:42}:requests", "1", "AT", str(AT))]


def test_a_call_that_used_nothing_is_a_request(stub: Any) -> None:
    block(stub, lambda reservation: reservation.settle(0), requests="60/minute")
    assert stub.calls[1:] == [settled(0)]


@pytest.mark.parametrize("requests", [None, "60/minute"])
def test_a_budget_that_is_used_up(requests: str | None) -> None:
    for made in (Stub(), AsyncStub()):
        made.answer("LW.RATELIMIT", [1, 10_000, 100, 12_000, 60_000, 0])
        made.answer("LW.MRATELIMIT", [1, 1, 12_000, 0, 60, 59, 60_000, 10_000, 100, 60_000])
        with pytest.raises(TokenBudgetExceededError, match="user:42") as denied:
            block(made, lambda _: pytest.fail("it ran"), requests=requests)
        assert (denied.value.code, denied.value.retry_after_seconds) == ("BUDGET_EXCEEDED", 12)
        assert len(made.calls) == 1


def test_a_failure_to_settle_is_logged_and_replaces_nothing(stub: Any, caplog: pytest.LogCaptureFixture) -> None:
    stub.answer("LW.SETTLE", UnavailableError("TIMEOUT", "gone"))
    block(stub, lambda reservation: reservation.settle(1))
    assert [record.message for record in caplog.records] == ["a reservation stays as it was estimated: gone"]


def test_a_reservation_is_for_one_block_and_one_kind_of_client() -> None:
    stub = Stub()
    stub.answer("LW.RATELIMIT", ADMITTED)
    reservation = TokenBudget(LockWatch(stub), "10000/minute").reserve("a", 1)
    with pytest.raises(RuntimeError, match="nothing is reserved"):
        reservation.headers()
    with reservation, pytest.raises(RuntimeError, match="in use already"), reservation:
        pass

    async def wrong() -> None:
        async with TokenBudget(LockWatch(Stub()), "1/s").reserve("a", 1):
            pass

    with pytest.raises(ConfigurationError, match="write 'with budget"):
        asyncio.run(wrong())
    with (
        pytest.raises(ConfigurationError, match="write 'async with budget"),
        TokenBudget(AsyncLockWatch(AsyncStub()), "1/s").reserve("a", 1),
    ):
        pass


def test_a_task_that_is_cancelled_while_it_settles_has_settled() -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    class Paused(AsyncStub):
        async def send(self, commands: Any) -> list[Any]:
            if commands[0].args[0] == "LW.SETTLE":
                asked.set()
                await go.wait()
            return await super().send(commands)

    async def run() -> None:
        stub = Paused()
        stub.answer("LW.RATELIMIT", ADMITTED)
        lw = AsyncLockWatch(stub)

        async def use() -> None:
            async with TokenBudget(lw, "10000/minute").reserve("user:42", 700) as reservation:
                reservation.settle(1)

        task = asyncio.create_task(use())
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go.set()
        await lw.aclose()
        assert stub.calls[1:] == [settled(1)]

    asyncio.run(run())


def test_what_can_not_work() -> None:
    budget = TokenBudget(LockWatch(Stub()), "10000/minute")
    for key, estimate in (("", 1), ("}a", 1), (b"a", 1), ("a", 0), ("a", -1), ("a", "1"), ("a", 1 << 32), ("a", True)):
        with pytest.raises(ConfigurationError):
            budget.reserve(key, estimate)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="needs a LockWatch"):
        TokenBudget("redis://localhost", "1/s")  # type: ignore[arg-type]
    reservation = budget.reserve("a", 1)
    for tokens in (-1, 1.5, True, "1"):
        with pytest.raises(ConfigurationError, match="no number of tokens"):
            reservation.add(tokens)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="no number of tokens"):
            reservation.settle(tokens)  # type: ignore[arg-type]
