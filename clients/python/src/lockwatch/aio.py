"""The asynchronous client: a method for each command."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Concatenate, NoReturn, ParamSpec, TypeVar

from . import alert as alerts
from . import audit as audits
from . import burst as bursts
from . import client_keys as keys_of_client
from . import explain, guard, guard_admin, multi, tokens
from . import lease as leases
from . import ratelimit as limiter
from .background import Background
from .client import AUDIT_TIMEOUT, SLOW_TIMEOUT, copy_signature
from .client_keys import ClientKey
from .client_rules import ASYNC_LOCKWATCH, checked
from .correction_queue import AsyncCorrectionQueue
from .duration import Duration
from .errors import ConfigurationError
from .failure_log import FailureLog
from .http.address import AddressPrefixes
from .leases import AsyncLease
from .local import LocalLimiter
from .outcome_queue import AsyncOutcomeQueue
from .redis import breaker
from .redis.connection import Command, Key
from .redis.link import AsyncLink
from .redis.open import COMMAND_TIMEOUT, CONNECT_TIMEOUT, AsyncSource, open_async_connection
from .stats import Counters, Listener, Stats

P = ParamSpec("P")
T = TypeVar("T")


def _method(make: Callable[P, Command[T]]) -> Callable[Concatenate[AsyncLockWatch, P], Coroutine[Any, Any, T]]:
    """A method that takes the arguments of `make`, and sends the command that it returns."""

    async def call(self: AsyncLockWatch, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.execute(make(*args, **kwargs))

    copy_signature(make, call)
    return call


class AsyncLockWatch:
    """`LockWatch` for asyncio. Event loops of several threads may share a client."""

    def __init__(
        self,
        source: AsyncSource,
        *,
        connect_timeout: float = CONNECT_TIMEOUT,
        command_timeout: float = COMMAND_TIMEOUT,
        breaker_timeouts: int = breaker.TIMEOUTS,
        breaker_seconds: float = breaker.SECONDS,
        cluster: bool = False,
        service: str | None = None,
        on_event: Listener | None = None,
    ) -> None:
        self.service: str | None
        [
            source,
            connect_timeout,
            command_timeout,
            breaker_timeouts,
            breaker_seconds,
            cluster,
            self.service,
            on_event,
        ] = checked(
            ASYNC_LOCKWATCH,
            source=source,
            connect_timeout=connect_timeout,
            command_timeout=command_timeout,
            breaker_timeouts=breaker_timeouts,
            breaker_seconds=breaker_seconds,
            cluster=cluster,
            service=service,
            on_event=on_event,
        )
        connect = functools.partial(open_async_connection, source, connect_timeout, cluster=cluster)
        connection = connect(command_timeout)
        # Opens a connection for a lease that ends with it.
        self.connect = functools.partial(connect, command_timeout)
        self.server: str | None = getattr(connection, "server", None)
        self.link = AsyncLink(connection, breaker.Breaker(breaker_timeouts, breaker_seconds, server=self.server))
        self.counters = Counters(FailureLog.of(self), on_event)
        self.local = LocalLimiter()
        # Redis reads nothing more from a connection while a slow command runs, so these have
        # connections of their own.
        self.audit_connection = connect(max(AUDIT_TIMEOUT, command_timeout))
        self.corrections = AsyncCorrectionQueue(self.audit_connection, FailureLog.of(self))
        self.outcomes = AsyncOutcomeQueue(self.audit_connection, FailureLog.of(self))
        self.background = Background()
        self._slow = AsyncLink(connect(max(SLOW_TIMEOUT, command_timeout)), self.link.breaker, slow=True)

    ratelimit = _method(limiter.ratelimit)
    peek = _method(limiter.peek)
    refund = _method(limiter.refund)
    settle = _method(limiter.settle)
    mratelimit = _method(multi.mratelimit)
    mpeek = _method(multi.mpeek)
    top = _method(explain.top)
    inspect = _method(explain.inspect)
    acquire = _method(leases.acquire)
    renew = _method(leases.renew)
    release = _method(leases.release)
    burst = _method(bursts.burst)
    alert = _method(alerts.alert)
    audit = _method(audits.audit)
    audit_log = _method(audits.audit_log)
    issue = _method(tokens.issue)
    rotate = _method(tokens.rotate)
    set_claims = _method(tokens.set_claims)
    verify = _method(tokens.verify)
    introspect = _method(tokens.introspect)
    revoke = _method(tokens.revoke)
    revoke_all = _method(tokens.revoke_all)
    sessions = _method(tokens.sessions)
    jwks = _method(tokens.jwks)
    attempt = _method(guard.attempt)
    event = _method(guard.event)
    check = _method(guard.check)
    ban = _method(guard_admin.ban)
    allow = _method(guard_admin.allow)
    lift = _method(guard_admin.lift)
    bans = _method(guard_admin.bans)
    why = _method(guard_admin.why)
    rules = _method(guard_admin.rules)

    @classmethod
    def __get_pydantic_core_schema__(cls, *_: Any) -> NoReturn:  # noqa: ANN401  # of pydantic
        """Refuses to be a parameter of a FastAPI handler, as in `Depends(limit)` without a call."""
        raise ConfigurationError(
            f"FastAPI would read a parameter of type {cls.__name__} from the request: write "
            "Depends(limit(lw, '5/minute')) for a limit, and Depends(get_lw), a function of yours, for the client"
        )

    async def execute(self, command: Command[T]) -> T:
        """Sends a command, and returns what its reply means.

        Raises the error that Redis answered.
        """
        [reply] = await (self._slow if command.slow else self.link).send((command,))
        return command.parse(reply)

    def stats(self) -> Stats:
        """What the middlewares and route limits of this client decided in this process."""
        return self.counters.stats()

    def lease(self, key: Key, limit: int, ttl: Duration, *, cost: int = 1, on_close: bool = False) -> AsyncLease:
        """A lease that is taken at the beginning of a block, and released at its end.

        `async with lw.lease("report:42", 3, "30s") as lease:`. Raises LeaseDeniedError if all
        units are held. The lease lasts for `ttl` and no longer, so a block that may take longer
        calls `lease.renew()` meanwhile.

        With `on_close`, the lease has a connection of its own, and ends at once if the process
        ends.
        """
        return AsyncLease(self, leases.LeaseOptions(key, limit, ttl, cost, on_close))

    async def client_keys(
        self,
        *,
        client: str | None = None,
        key: object = None,
        address: str | None = None,
        key_prefix: str = "lw",
        ipv4_prefix: int = 32,
        ipv6_prefix: int = 64,
    ) -> list[ClientKey]:
        """The keys of a client, sorted: what it used, under which policy, and when they expire.

        `client` is as in the data of a denial's audit event (`ip:203.0.113.9`, `key:bob`), `key` is
        what the key function returned, and `address` an IP address.
        """
        prefix = keys_of_client.client_prefix(
            key_prefix,
            self.service,
            client=client,
            key=key,
            address=address,
            prefixes=AddressPrefixes(ipv4_prefix, ipv6_prefix),
        )
        return await self._go_through(keys_of_client.find(prefix))

    async def reset(
        self,
        *,
        client: str | None = None,
        key: object = None,
        address: str | None = None,
        key_prefix: str = "lw",
        ipv4_prefix: int = 32,
        ipv6_prefix: int = 64,
    ) -> int:
        """Deletes the keys of a client, which has used nothing then. Returns their number.

        Takes the same as `client_keys`.
        """
        prefix = keys_of_client.client_prefix(
            key_prefix,
            self.service,
            client=client,
            key=key,
            address=address,
            prefixes=AddressPrefixes(ipv4_prefix, ipv6_prefix),
        )
        return await self._go_through(keys_of_client.reset(prefix))

    async def _go_through(self, steps: keys_of_client.Steps[T]) -> T:
        try:
            commands = next(steps)
            while True:
                commands = steps.send(await self._slow.send(commands))
        except StopIteration as stop:
            result: T = stop.value
            return result

    async def aclose(self) -> None:
        """Closes the connections of the running event loop.

        A client that was passed in stays open.
        """
        await self.background.wait()
        await self.corrections.flush()
        await self.outcomes.flush()
        await self.link.aclose()
        await self.audit_connection.aclose()
        await self._slow.aclose()

    async def __aenter__(self) -> AsyncLockWatch:
        """Connects with the first command, not here."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the connections."""
        await self.aclose()
