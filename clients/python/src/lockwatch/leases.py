"""A lease for the time of a block: `with lw.lease(…)`, `async with lw.lease(…)`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .duration import Duration, milliseconds
from .errors import LeaseDeniedError, LockWatchError
from .failure_log import FailureLog
from .lease import LeaseOptions, LeaseResult, release, renew
from .redis.connection import Arg, AsyncConnection, Command, Connection, Key
from .redis.link import AsyncLink, Link

if TYPE_CHECKING:
    from .aio import AsyncLockWatch
    from .client import LockWatch


class _Held:
    """What is known of a lease."""

    def __init__(self, options: LeaseOptions, failures: FailureLog) -> None:
        self._options = options
        self._failures = failures
        self._result: LeaseResult | None = None
        self._until = 0.0
        self._is_over = False

    @property
    def key(self) -> Key:
        """Its Redis key."""
        return self._options.key

    @property
    def result(self) -> LeaseResult:
        """What LW.ACQUIRE answered. Raises RuntimeError outside of the block."""
        if self._result is None:
            raise RuntimeError("the lease is not held: write 'with lw.lease(…) as lease:'")
        return self._result

    @property
    def id(self) -> Arg:
        """Its id, which is new for each block."""
        return self.result.id or ""

    @property
    def fence(self) -> int:
        """A number that grows with each new lease of the key.

        What the block writes to may refuse a smaller one than it has seen.
        """
        return self.result.fence

    @property
    def lost(self) -> bool:
        """Whether the lease has ended, so that others may hold its units.

        By the answer to the last `renew`, and by this machine's clock.
        """
        return self._result is None or self._is_over or time.monotonic() >= self._until

    def _begins(self, ttl: Duration, asked_at: float) -> None:
        # From before the command was sent, so that the lease never ends earlier than assumed.
        self._until = max(self._until, asked_at + milliseconds(ttl) / 1000)

    def _acquired(self, result: LeaseResult, asked_at: float) -> None:
        if not result:
            raise LeaseDeniedError(self.key, result.retry_after_ms)
        self._result, self._is_over, self._until = result, False, 0.0
        self._begins(self._options.ttl, asked_at)

    def _renewed(self, ttl: Duration, asked_at: float, *, held: bool) -> bool:
        if held:
            self._begins(ttl, asked_at)
        else:
            self._is_over = True
        return held

    def _enters(self) -> None:
        if self._result is not None:
            raise RuntimeError("the lease is held already: call lw.lease(…) for each block")

    def _release_failed(self, error: Exception) -> None:
        code = error.code if isinstance(error, LockWatchError) else type(error).__name__
        told = self._failures.named(error if isinstance(error, LockWatchError) else repr(error))
        self._failures.log(f"lease: {code}", f"a lease is not released and lasts until its ttl has passed: {told}")


class Lease(_Held):
    """A lease of a `LockWatch`."""

    def __init__(self, lockwatch: LockWatch, options: LeaseOptions) -> None:
        super().__init__(options, FailureLog.of(lockwatch))
        self._lockwatch = lockwatch
        self._own: Connection | None = None

    def __enter__(self) -> Lease:
        """Takes the lease. Raises LeaseDeniedError."""
        self._enters()
        if self._options.on_close:
            self._own = self._lockwatch.connect()
        asked_at = time.monotonic()
        try:
            self._acquired(self._send(self._options.acquire()), asked_at)
        except BaseException:
            self._close()
            raise
        return self

    def renew(self, ttl: Duration | None = None) -> bool:
        """Has the lease last at least `ttl` from now on, its own unless given.

        False if it has ended, and `lost` is true then.
        """
        ttl, asked_at = ttl or self._options.ttl, time.monotonic()
        return self._renewed(ttl, asked_at, held=self._send(renew(self.key, self.id, ttl)))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Releases the lease. A failure is logged."""
        try:
            self._send(release(self.key, self.id))
        except Exception as failed:  # noqa: BLE001  # it must not replace the exception of the block
            self._release_failed(failed)
        finally:
            self._result = None
            self._close()

    def _send(self, command: Command[Any]) -> Any:  # noqa: ANN401  # what the command returns
        if self._own is None:
            return self._lockwatch.execute(command)
        [reply] = Link(self._own, self._lockwatch.link.breaker).send((command,))
        return command.parse(reply)

    def _close(self) -> None:
        own, self._own = self._own, None
        # A connection of the application itself stays open.
        if own is not None and own is not self._lockwatch.link.connection:
            own.close()


class AsyncLease(_Held):
    """A lease of an `AsyncLockWatch`."""

    def __init__(self, lockwatch: AsyncLockWatch, options: LeaseOptions) -> None:
        super().__init__(options, FailureLog.of(lockwatch))
        self._lockwatch = lockwatch
        self._own: AsyncConnection | None = None

    async def __aenter__(self) -> AsyncLease:
        """Takes the lease. Raises LeaseDeniedError."""
        self._enters()
        if self._options.on_close:
            self._own = self._lockwatch.connect()
        command, asked_at = self._options.acquire(), time.monotonic()
        asking = self._lockwatch.background.start(self._send(command))
        try:
            self._acquired(await asyncio.shield(asking), asked_at)
        except asyncio.CancelledError:
            # The server may have granted the lease, which nobody will use.
            self._lockwatch.background.start(self._abandon(asking, command.args))
            raise
        except BaseException:
            await self._close()
            raise
        return self

    async def renew(self, ttl: Duration | None = None) -> bool:
        """Has the lease last at least `ttl` from now on, its own unless given.

        False if it has ended, and `lost` is true then.
        """
        ttl, asked_at = ttl or self._options.ttl, time.monotonic()
        return self._renewed(ttl, asked_at, held=await self._send(renew(self.key, self.id, ttl)))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Releases the lease, also if the task is cancelled meanwhile. A failure is logged."""
        lease_id, self._result = self.id, None
        await self._lockwatch.background.finish(self._release(lease_id))

    async def _release(self, lease_id: Arg) -> None:
        try:
            await self._send(release(self.key, lease_id))
        except Exception as failed:  # noqa: BLE001  # it must not replace the exception of the block
            self._release_failed(failed)
        finally:
            await self._close()

    async def _abandon(self, asking: asyncio.Task[LeaseResult], args: Sequence[Arg]) -> None:
        try:
            result = await asking
        except Exception:  # noqa: BLE001  # the caller was cancelled, and nobody else waits
            result = None
        if result:
            await self._release(args[args.index("ID") + 1])
        else:
            await self._close()

    async def _send(self, command: Command[Any]) -> Any:  # noqa: ANN401  # what the command returns
        if self._own is None:
            return await self._lockwatch.execute(command)
        [reply] = await AsyncLink(self._own, self._lockwatch.link.breaker).send((command,))
        return command.parse(reply)

    async def _close(self) -> None:
        own, self._own = self._own, None
        # A connection of the application itself stays open.
        if own is not None and own is not self._lockwatch.link.connection:
            await own.aclose()
