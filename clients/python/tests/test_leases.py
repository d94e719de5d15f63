"""Leases: the commands, and the blocks that hold one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import re
from datetime import timedelta
from typing import Any

import pytest

from lockwatch import AsyncLockWatch, LeaseDeniedError, LeaseResult, LockWatch, ModuleMissingError, UnavailableError
from lockwatch.testing import AsyncStub, Stub

HELD: list[Any] = [1, b"ignored", 2, 0, 7]
DENIED: list[Any] = [0, None, 3, 12_000, 0]


def test_acquire_makes_an_id_of_its_own_for_each_call() -> None:
    stub = Stub()
    stub.answer("LW.ACQUIRE", HELD, [2, "ignored", 2, 0, 7])
    lw = LockWatch(stub)
    first, second = lw.acquire("a", 3, "30s"), lw.acquire("a", 3, 30, cost=2)
    assert stub.calls[0] == ("LW.ACQUIRE", "a", "3", "30", "ID", first.id)
    assert stub.calls[1] == ("LW.ACQUIRE", "a", "3", "30", "ID", second.id, "COST", "2")
    assert first.id != second.id
    assert all(re.fullmatch("[0-9a-f]{32}", str(each.id)) for each in (first, second))
    assert first == LeaseResult(True, False, first.id, 2, 0, 7)
    assert (second.repeated, bool(second)) == (True, True)


def test_a_call_may_be_repeated_with_its_id() -> None:
    stub = Stub()
    stub.answer("LW.ACQUIRE", HELD)
    assert LockWatch(stub).acquire("a", 3, "30s", b"\xff", on_close=True).id == b"\xff"
    assert stub.calls == [("LW.ACQUIRE", "a", "3", "30", "ID", "\\xff", "ONCLOSE")]


def test_a_denied_lease() -> None:
    stub = Stub()
    stub.answer("LW.ACQUIRE", DENIED, [0, None, 3, -1, 0])
    denied, never = (LockWatch(stub).acquire("a", 3, "30s") for _ in range(2))
    assert not denied
    assert (denied.id, denied.in_use, denied.fence) == (None, 3, 0)
    assert denied.retry_after == timedelta(seconds=12)
    assert (never.retry_after_ms, never.retry_after) == (math.inf, None)


@pytest.mark.parametrize("reply", [[1, "x", 2, 0], [1, "x", "2", 0, 1], "OK", 1, None, [1, "x", 2, 0, 1, 1]])
def test_a_reply_of_another_shape(reply: Any) -> None:
    stub = Stub()
    stub.answer("LW.ACQUIRE", reply)
    with pytest.raises(ModuleMissingError):
        LockWatch(stub).acquire("a", 3, "30s")


def test_renew_and_release() -> None:
    stub = Stub()
    stub.answer("LW.RENEW", 1, 0)
    stub.answer("LW.RELEASE", 1, 0)
    lw = LockWatch(stub)
    assert [lw.renew("a", "x", "30s"), lw.renew("a", "x", 30)] == [True, False]
    assert [lw.release("a", "x"), lw.release("a", "x")] == [True, False]
    assert stub.calls[0] == ("LW.RENEW", "a", "x", "30")
    assert stub.calls[2] == ("LW.RELEASE", "a", "x")


def names(stub: Stub | AsyncStub) -> list[str]:
    return [call[0].removeprefix("LW.") for call in stub.calls]


class Both:
    """A block of a lease in both kinds of clients."""

    def __init__(self, kind: str, **options: Any) -> None:
        self.stub: Any = Stub() if kind == "sync" else AsyncStub()
        self.options = options

    def run(self, body: Any = lambda _: None) -> Any:
        """Runs a block, which is given the lease and a function to renew it."""
        if isinstance(self.stub, Stub):
            with LockWatch(self.stub).lease("a", 3, "30s", **self.options) as lease:
                body(lease)
            return lease

        async def block() -> Any:
            async with AsyncLockWatch(self.stub).lease("a", 3, "30s", **self.options) as held:
                body(held)
            return held

        return asyncio.run(block())


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_block_holds_a_lease(kind: str) -> None:
    both = Both(kind, cost=2)
    both.stub.answer("LW.ACQUIRE", HELD)
    seen: list[Any] = []
    lease = both.run(lambda lease: seen.append((lease.key, lease.fence, lease.lost, lease.id)))
    [(key, fence, lost, lease_id)] = seen
    assert (key, fence, lost) == ("a", 7, False)
    assert both.stub.calls == [
        ("LW.ACQUIRE", "a", "3", "30", "ID", lease_id, "COST", "2"),
        ("LW.RELEASE", "a", lease_id),
    ]
    assert lease.lost
    with pytest.raises(RuntimeError, match="is not held"):
        lease.fence  # noqa: B018  # a property


def test_a_denied_block_does_not_run(kind: str) -> None:
    both = Both(kind)
    both.stub.answer("LW.ACQUIRE", DENIED, [0, None, 3, -1, 0])
    with pytest.raises(LeaseDeniedError) as denied:
        both.run(lambda _: pytest.fail("it ran"))
    assert (denied.value.code, denied.value.retry_after_seconds) == ("LEASE_DENIED", 12)
    assert denied.value.retry_after == timedelta(seconds=12)
    with pytest.raises(LeaseDeniedError) as never:
        both.run()
    assert (never.value.retry_after, never.value.retry_after_seconds) == (None, None)
    assert names(both.stub) == ["ACQUIRE", "ACQUIRE"]


def test_an_exception_in_the_block_releases_and_stays_the_exception(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    both = Both(kind)
    both.stub.answer("LW.ACQUIRE", HELD, HELD)
    both.stub.answer("LW.RELEASE", 1, UnavailableError("TIMEOUT", "gone"))
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            both.run(lambda _: 1 / 0)
    assert names(both.stub) == ["ACQUIRE", "RELEASE"] * 2
    [record] = caplog.records
    assert (record.levelno, record.message) == (
        logging.WARNING,
        "a lease is not released and lasts until its ttl has passed: gone",
    )


def test_a_redis_that_is_away_ends_the_block_before_it_begins(kind: str) -> None:
    both = Both(kind)
    both.stub.unavailable()
    with pytest.raises(UnavailableError):
        both.run(lambda _: pytest.fail("it ran"))


def test_a_lease_that_is_renewed_or_has_ended(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("lockwatch.leases.time.monotonic", lambda: now[0])
    stub: Any = Stub() if kind == "sync" else AsyncStub()
    stub.answer("LW.ACQUIRE", HELD)
    stub.answer("LW.RENEW", 1, 1, 0)

    def steps(lease: Any) -> Any:
        now[0] += 29.9
        assert not lease.lost
        assert (yield lease.renew()) is True
        now[0] += 29.9
        assert not lease.lost
        now[0] += 0.2
        assert lease.lost, "30 s have passed since it was renewed"
        assert (yield lease.renew("1m")) is True
        assert not lease.lost
        assert (yield lease.renew()) is False
        assert lease.lost

    if kind == "sync":
        with LockWatch(stub).lease("a", 3, "30s") as lease:
            block = steps(lease)
            answer = next(block)
            with contextlib.suppress(StopIteration):
                while True:
                    answer = block.send(answer)
    else:

        async def run() -> None:
            async with AsyncLockWatch(stub).lease("a", 3, "30s") as held:
                block = steps(held)
                answer = await next(block)
                with contextlib.suppress(StopIteration):
                    while True:
                        answer = await block.send(answer)

        asyncio.run(run())
    assert [call[3] for call in stub.called("LW.RENEW")] == ["30", "60", "30"]


def test_a_lease_is_held_by_one_block_at_a_time() -> None:
    stub = Stub()
    stub.answer("LW.ACQUIRE", HELD, HELD)
    lease = LockWatch(stub).lease("a", 3, "30s")
    with lease, pytest.raises(RuntimeError, match="is held already"), lease:
        pass
    with lease:
        pass
    ids = [call[5] for call in stub.called("LW.ACQUIRE")]
    assert len(set(ids)) == 2, "one for each block"


class Paused(AsyncStub):
    """Answers one command only after `go` is set."""

    def __init__(self, command: str) -> None:
        super().__init__()
        self._command = command
        self.asked = asyncio.Event()
        self.go = asyncio.Event()

    async def send(self, commands: Any) -> list[Any]:
        if commands[0].args[0] == self._command:
            self.asked.set()
            await self.go.wait()
        return await super().send(commands)


def test_a_task_that_is_cancelled_while_it_releases_has_released() -> None:
    async def run() -> None:
        stub = Paused("LW.RELEASE")
        stub.answer("LW.ACQUIRE", HELD)
        lw = AsyncLockWatch(stub)

        async def block() -> None:
            async with lw.lease("a", 3, "30s"):
                pass

        task = asyncio.create_task(block())
        await stub.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        stub.go.set()
        await lw.aclose()
        assert names(stub) == ["ACQUIRE", "RELEASE"]

    asyncio.run(run())


def test_a_task_that_is_cancelled_in_the_block_releases() -> None:
    async def run() -> None:
        stub = AsyncStub()
        stub.answer("LW.ACQUIRE", HELD)
        inside = asyncio.Event()

        async def block() -> None:
            async with AsyncLockWatch(stub).lease("a", 3, "30s"):
                inside.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(block())
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert names(stub) == ["ACQUIRE", "RELEASE"]

    asyncio.run(run())


@pytest.mark.parametrize(("reply", "then"), [(HELD, ["ACQUIRE", "RELEASE"]), (DENIED, ["ACQUIRE"])])
def test_a_task_that_is_cancelled_while_it_acquires_gives_the_lease_back(reply: Any, then: list[str]) -> None:
    async def run() -> None:
        stub = Paused("LW.ACQUIRE")
        stub.answer("LW.ACQUIRE", reply)
        lw = AsyncLockWatch(stub)

        async def block() -> None:
            async with lw.lease("a", 3, "30s"):
                pytest.fail("it ran")

        task = asyncio.create_task(block())
        await stub.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        stub.go.set()
        await lw.aclose()
        assert names(stub) == then
        if len(then) == 2:
            assert stub.calls[1][2] == stub.calls[0][5]

    asyncio.run(run())
