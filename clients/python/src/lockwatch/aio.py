"""The asynchronous client: a method a command."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from . import commands
from .client import BACKGROUND, PATIENCE
from .commands import Command, Json, Key, Text
from .duration import Duration
from .errors import LockWatchError
from .limits import LimitsLike
from .link import breaker
from .link.opening import COMMAND_TIMEOUT, CONNECT_TIMEOUT, AsyncSource, async_link_to
from .results import AuditEvent, Burst, RateLimit
from .tokens import Claims, Introspection, Session, TokenPair

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .fastapi import FastAPILimit
    from .placed import Placement

T = TypeVar("T")


class AsyncLockWatch:
    """The commands of lockwatch, over a URL or a client of redis-py that you made.

    Of a client its settings are used, not its connections: ours wait `connect_timeout` and `command_timeout` seconds
    at most, and no command is sent twice. After `breaker_timeouts` timeouts in a row nothing is sent for
    `breaker_seconds`. With `cluster`, the URL names a node of a cluster. Errors are raised as `LockWatchError`, which
    has the module's code.
    """

    def __init__(
        self,
        source: AsyncSource,
        *,
        connect_timeout: float = CONNECT_TIMEOUT,
        command_timeout: float = COMMAND_TIMEOUT,
        breaker_timeouts: int = breaker.TIMEOUTS,
        breaker_seconds: float = breaker.SECONDS,
        cluster: bool = False,
    ) -> None:
        self.link = breaker.AsyncGuardedLink(
            async_link_to(source, connect_timeout, command_timeout, cluster=cluster),
            breaker.Breaker(breaker_timeouts, breaker_seconds),
        )
        # For what nothing waits for, and for what takes its time: connections of their own, so that neither holds up
        # what a request waits for.
        self.background = async_link_to(source, connect_timeout, max(BACKGROUND, command_timeout), cluster=cluster)
        self._patient = breaker.AsyncHeedingLink(
            async_link_to(source, connect_timeout, max(PATIENCE, command_timeout), cluster=cluster), self.link.breaker
        )

    async def ratelimit(
        self, key: Key, limits: LimitsLike | int, window: Duration | None = None, *, cost: int = 1
    ) -> RateLimit:
        """Admits a call, or not: `ratelimit("user:42", 100, 60)`, `ratelimit("user:42", "100/minute; 5000/hour")`."""
        return await self._call(commands.ratelimit(key, limits, window, cost))

    async def peek(
        self, key: Key, limits: LimitsLike | int, window: Duration | None = None, *, cost: int = 1
    ) -> RateLimit:
        """Answers what `ratelimit` would, and records nothing. A cost of 0 asks for the state as it is."""
        return await self._call(commands.peek(key, limits, window, cost))

    async def burst(
        self,
        key: Key,
        threshold: int,
        window: Duration,
        *,
        cooldown: Duration | None = None,
        ip: str | None = None,
        endpoint: Text | None = None,
        method: str | None = None,
        agent: Text | None = None,
    ) -> Burst:
        """Counts a call, and says whether there are `threshold` or more in the window; at first with an alert."""
        return await self._call(
            commands.burst(
                key, threshold, window, cooldown=cooldown, ip=ip, endpoint=endpoint, method=method, agent=agent
            )
        )

    async def alert(
        self, kind: str, data: Json, *, dedup: Text | None = None, cooldown: Duration | None = None
    ) -> str | None:
        """Raises an alert, and returns its id; None if one with the same `dedup` was raised within the cooldown."""
        return await self._call(commands.alert(kind, data, dedup, cooldown))

    async def audit(
        self,
        *,
        kind: str | None = None,
        user: Text | None = None,
        ip: str | None = None,
        method: str | None = None,
        endpoint: Text | None = None,
        status: int | None = None,
        limited: bool = False,
        anomaly: bool = False,
        latency: timedelta | float | None = None,
        time: datetime | None = None,
        data: Json = None,
    ) -> str:
        """Records an event, and returns its id. A latency without a type is seconds."""
        return await self._call(
            commands.audit(
                kind=kind,
                user=user,
                ip=ip,
                method=method,
                endpoint=endpoint,
                status=status,
                limited=limited,
                anomaly=anomaly,
                latency=latency,
                time=time,
                data=data,
            )
        )

    async def audit_log(
        self,
        *,
        kind: str | None = None,
        user: Text | None = None,
        ip: str | None = None,
        endpoint: Text | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limited: bool = False,
        anomaly: bool = False,
        count: int | None = None,
        before: str | None = None,
    ) -> list[AuditEvent]:
        """Events that match all of it, newest first; `before` the id of a page's last is the next page.

        Of a cluster one node is asked: it answers from Postgres and from its own journal.
        """
        return await self._call(
            commands.audit_log(
                kind=kind,
                user=user,
                ip=ip,
                endpoint=endpoint,
                since=since,
                until=until,
                limited=limited,
                anomaly=anomaly,
                count=count,
                before=before,
            )
        )

    async def issue(
        self,
        store: Key,
        subject: str,
        *,
        claims: Mapping[str, Json] | None = None,
        audience: str | None = None,
        access_ttl: Duration | None = None,
        refresh_ttl: Duration | None = None,
        meta: Json = None,
    ) -> TokenPair:
        """Opens a session for a subject. A `refresh_ttl` of 0 gives an access token alone."""
        return await self._call(
            commands.issue(
                store,
                subject,
                claims=claims,
                audience=audience,
                access_ttl=access_ttl,
                refresh_ttl=refresh_ttl,
                meta=meta,
            )
        )

    async def rotate(self, store: Key, refresh_token: str, *, meta: Json = None) -> TokenPair:
        """Trades a refresh token for the next pair. Raises TokenReused where it was used before."""
        return await self._call(commands.rotate(store, refresh_token, meta))

    async def verify(self, store: Key, access_token: str, *, audience: str | None = None) -> Claims:
        """The claims of a good access token; raises TokenError for any other."""
        return await self._call(commands.verify(store, access_token, audience))

    async def introspect(self, store: Key, token: str) -> Introspection:
        """What RFC 7662 tells of a token; a bad one is inactive, not an error."""
        return await self._call(commands.introspect(store, token))

    async def revoke(
        self,
        store: Key,
        *,
        token: str | None = None,
        session: str | None = None,
        subject: str | None = None,
        keep: str | None = None,
    ) -> int:
        """Ends a token, a session, or a subject's sessions but the one to `keep`; returns how many ended."""
        return await self._call(commands.revoke(store, token=token, session=session, subject=subject, keep=keep))

    async def revoke_all(self, store: Key) -> int:
        """Ends all sessions of a store; returns how many."""
        return await self._call(commands.revoke_all(store))

    async def sessions(self, store: Key, subject: str) -> list[Session]:
        """The sessions of a subject."""
        return await self._call(commands.sessions(store, subject))

    async def jwks(self) -> dict[str, Any]:
        """The public keys (RFC 7517)."""
        return await self._call(commands.jwks())

    def limit(self, limits: LimitsLike, **placement: Unpack[Placement]) -> FastAPILimit:
        """A limit for what only the application knows, as a dependency of FastAPI. See `lockwatch.placed`."""
        from .fastapi import FastAPILimit  # noqa: PLC0415  # FastAPI is optional

        return FastAPILimit(self, limits, **placement)

    async def _call(self, command: Command[T]) -> T:
        link = self._patient if command.patient else self.link
        [reply] = await link.send((command.call,))
        if isinstance(reply, LockWatchError):
            raise reply
        return command.value(reply)

    async def aclose(self) -> None:
        """Ends the connections; those of a client that you made are yours to end."""
        await self.link.aclose()
        await self.background.aclose()
        await self._patient.aclose()

    async def __aenter__(self) -> AsyncLockWatch:
        """Nothing to open."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes."""
        await self.aclose()
