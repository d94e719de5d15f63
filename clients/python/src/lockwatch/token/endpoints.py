"""Login, refresh and logout.

The application decides who somebody is, and the module does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal, TypeAlias

from .. import tokens
from ..duration import Duration
from ..errors import CommandError, ConfigurationError, LockWatchError, TokenError
from ..failure_log import FailureLog
from ..flow import Client, Flow, FunctionFailedError, ask, execute
from ..http.reply import Reply, json_reply
from ..http.state import LockWatchState
from ..redis.connection import Key
from .bearer import bearer_token, token_failure, token_function_failure
from .cookie import CookieOptions

NO_STORE = {"Cache-Control": "no-store"}
Action: TypeAlias = Literal["login", "refresh", "logout"]
ACTIONS: tuple[Action, ...] = ("login", "refresh", "logout")

# The key of a token store, or a function that finds it: of the request in FastAPI, without
# arguments in Flask.
Store: TypeAlias = Key | Callable[..., Key]


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody whom `authenticate` has recognised. It may return the subject alone."""

    subject: str
    claims: Mapping[str, Any] | None = None
    """Claims of the access token: `{"scope": "orders:read"}`."""
    audience: str | None = None
    meta: Any = None
    """Kept with the session, and listed by `sessions`."""


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What the routes read of a request.

    The functions may be asynchronous in an asynchronous framework.
    """

    authenticate: Callable[[], Any]
    body_token: Callable[[], Any]
    """Reads the refresh token in the body."""
    store: Callable[[], Key]
    state: LockWatchState | None
    origin: str | None
    authorization: str | None
    cookies: Mapping[str, str]


class TokenEndpoints:
    """The routes without a framework. Below `prefix`."""

    def __init__(
        self,
        lockwatch: Client,
        prefix: str,
        *,
        access_ttl: Duration | None = None,
        refresh_ttl: Duration | None = None,
        cookie: CookieOptions | None = None,
    ) -> None:
        self._lockwatch = lockwatch
        self._prefix = prefix
        self._ttls: dict[str, Any] = {"access_ttl": access_ttl, "refresh_ttl": refresh_ttl}
        self._cookie = cookie
        self._failures = FailureLog.of(lockwatch)

    def handle(self, action: Action, request: TokenRequest) -> Flow[Reply]:
        """The response to a request."""
        if self._cookie is not None and not self._cookie.allows(request.origin):
            return json_reply(403, {"error": "origin_not_allowed"}, NO_STORE)
        actions = {"login": self._login, "refresh": self._refresh, "logout": self._logout}
        try:
            return (yield from actions[action](request))
        except FunctionFailedError as failed:
            return _not_stored(token_function_failure(self._failures, failed))

    def _login(self, request: TokenRequest) -> Flow[Reply]:
        known: Login | str | None = yield from ask("authenticate", request.authenticate)
        if known is None:
            return json_reply(401, {"error": "invalid_credentials"}, NO_STORE)
        login = Login(known) if isinstance(known, str) else known
        if request.state is not None:
            request.state.user = login.subject
        command = tokens.issue(
            (yield from ask("store", request.store)),
            login.subject,
            claims=login.claims,
            audience=login.audience,
            meta=login.meta,
            **self._ttls,
        )
        try:
            issued = yield from execute(self._lockwatch, command)
        except (CommandError, ConfigurationError):
            # The application asks for something that the module will always refuse.
            raise
        except LockWatchError as error:
            return self._unavailable(error)
        return self._tokens(issued)

    def _refresh(self, request: TokenRequest) -> Flow[Reply]:
        """Every failure looks the same: the bearer does not learn whether a token ever existed."""
        failed = json_reply(401, {"error": "invalid_grant"}, {**NO_STORE, "WWW-Authenticate": "Bearer"})
        token = yield from self._refresh_token(request)
        if token is None:
            return failed
        try:
            store = yield from ask("store", request.store)
            rotated = yield from execute(self._lockwatch, tokens.rotate(store, token))
        except TokenError:
            # The cookie stays: another tab may have received the reply that this one lost.
            return failed
        except LockWatchError as error:
            return self._unavailable(error)
        return self._tokens(rotated)

    def _logout(self, request: TokenRequest) -> Flow[Reply]:
        store, token = (yield from ask("store", request.store)), (yield from self._refresh_token(request))
        access = bearer_token(request.authorization)
        try:
            if token is not None:
                yield from execute(self._lockwatch, tokens.revoke(store, token=token))
            elif access is not None and not (yield from self._end_session_of(store, access)):
                challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
                return json_reply(401, {"error": "invalid_token"}, {**NO_STORE, **challenge})
        except TokenError:
            # A token that is not accepted is as good as logged out.
            pass
        except LockWatchError as error:
            return self._unavailable(error)
        return Reply(204, b"", {**NO_STORE, **self._set_cookie("", 0)})

    def _end_session_of(self, store: Key, access: str) -> Flow[bool]:
        # LW.VERIFY would check the audience, but a token for any audience may end its own session.
        found = yield from execute(self._lockwatch, tokens.introspect(store, access))
        session = found.all.get("sid") if found else None
        if not isinstance(session, str):
            return False
        return (yield from execute(self._lockwatch, tokens.revoke(store, session=session))) > 0

    def _refresh_token(self, request: TokenRequest) -> Flow[str | None]:
        if self._cookie is not None:
            return self._cookie.read(request.cookies)
        token: str | None = yield request.body_token
        return token

    def _tokens(self, issued: tokens.Tokens) -> Reply:
        now = datetime.now(timezone.utc)
        body: dict[str, Any] = {
            "access_token": issued.access_token,
            "token_type": "Bearer",
            "expires_in": max(0, round((issued.access_expires_at - now).total_seconds())),
        }
        if issued.refresh_token is None:
            return json_reply(200, body, NO_STORE)
        if self._cookie is None:
            return json_reply(200, {**body, "refresh_token": issued.refresh_token}, NO_STORE)
        age = (issued.refresh_expires_at - now).total_seconds() if issued.refresh_expires_at else 0
        return json_reply(200, body, {**NO_STORE, **self._set_cookie(issued.refresh_token, age)})

    def _set_cookie(self, token: str, max_age: float) -> dict[str, str]:
        return {} if self._cookie is None else {"Set-Cookie": self._cookie.header(token, max_age, self._prefix)}

    def _unavailable(self, error: LockWatchError) -> Reply:
        return _not_stored(token_failure(self._failures, error))


def _not_stored(reply: Reply) -> Reply:
    return Reply(reply.status, reply.body, {**reply.headers, **NO_STORE})
