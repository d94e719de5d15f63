"""Login, refresh and logout.

The application decides who somebody is, and the module does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
from .guarded import LoginGuard, complete, refuse
from .login import login_of
from .payload import lifetime, payload_of

NO_STORE = {"Cache-Control": "no-store"}
Action: TypeAlias = Literal["login", "refresh", "logout"]
ACTIONS: tuple[Action, ...] = ("login", "refresh", "logout")

# The key of a token store, or a function that finds it: of the request in FastAPI, without
# arguments in Flask.
Store: TypeAlias = Key | Callable[..., Key]

# Characters of the user agent that are kept with a session.
_MAX_AGENT = 512


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What the routes read of a request.

    The functions may be asynchronous in an asynchronous framework.
    """

    authenticate: Callable[[], Any]
    body_token: Callable[[], Any]
    """Reads the refresh token in the body."""
    store: Callable[[], Key]
    meta: Callable[[], Any] | None
    """Returns what is kept with the session, in place of address and user agent."""
    state: LockWatchState | None
    path: str
    """With everything in front of the routes' own: prefixes, mount points, the root path."""
    address: str | None
    user_agent: str | None
    origin: str | None
    authorization: str | None
    cookies: Mapping[str, str]
    guard: LoginGuard | None = None


class TokenEndpoints:
    """The routes without a framework."""

    def __init__(
        self,
        lockwatch: Client,
        *,
        access_ttl: Duration | None = None,
        refresh_ttl: Duration | None = None,
        cookie: CookieOptions | None = None,
    ) -> None:
        self._lockwatch = lockwatch
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
        attempt = None
        if request.guard is not None:
            begun = yield from request.guard.begin()
            if isinstance(begun, Reply):
                return _not_stored(begun)
            attempt = begun
        login = login_of((yield from ask("authenticate", request.authenticate)))
        if login is None:
            refuse(attempt)
            return json_reply(401, {"error": "invalid_credentials"}, NO_STORE)
        if request.state is not None:
            request.state.user = login.subject
        command = tokens.issue(
            (yield from ask("store", request.store)),
            str(login.subject),
            claims=login.claims,
            audience=login.audience,
            meta=(yield from _meta(request)) if login.meta is None else login.meta,
            **self._ttls,
        )
        try:
            issued = yield from execute(self._lockwatch, command)
        except (CommandError, ConfigurationError):
            # The application asks for something that the module will always refuse.
            raise
        except LockWatchError as error:
            return self._unavailable(error)
        return complete(attempt, self._tokens(issued, payload_of(issued.access_token), request))

    def _refresh(self, request: TokenRequest) -> Flow[Reply]:
        """Every failure looks the same: the bearer does not learn whether a token ever existed."""
        failed = _challenge("invalid_grant", "Bearer")
        token = yield from self._refresh_token(request)
        if token is None:
            return failed
        try:
            store = yield from ask("store", request.store)
            command = tokens.rotate(store, token, meta=(yield from _meta(request)))
            rotated = yield from execute(self._lockwatch, command)
        except TokenError:
            # The cookie stays: another tab may have received the reply that this one lost.
            return failed
        except LockWatchError as error:
            return self._unavailable(error)
        payload = payload_of(rotated.access_token)
        _set_user(request, payload.get("sub"))
        return self._tokens(rotated, payload, request)

    def _logout(self, request: TokenRequest) -> Flow[Reply]:
        store, token = (yield from ask("store", request.store)), (yield from self._refresh_token(request))
        access = bearer_token(request.authorization)
        if token is None and access is None:
            return _challenge("unauthorized", "Bearer")
        try:
            if token is not None:
                if request.state is not None:
                    yield from self._find_user(store, token, request)
                yield from execute(self._lockwatch, tokens.revoke(store, token=token))
            elif access is not None and not (yield from self._end_session_of(store, access, request)):
                return _challenge("invalid_token", 'Bearer error="invalid_token"')
        except TokenError:
            # A token that is not accepted is as good as logged out.
            pass
        except LockWatchError as error:
            return self._unavailable(error)
        return Reply(204, b"", {**NO_STORE, **self._set_cookie("", 0, request)})

    def _find_user(self, store: Key, token: str, request: TokenRequest) -> Flow[None]:
        """Finds the user for the audit event. A failure does not stop the logout."""
        try:
            found = yield from execute(self._lockwatch, tokens.introspect(store, token))
        except LockWatchError:
            return
        _set_user(request, found.all.get("sub"))

    def _end_session_of(self, store: Key, access: str, request: TokenRequest) -> Flow[bool]:
        # LW.VERIFY would check the audience, but a token for any audience may end its own session.
        found = yield from execute(self._lockwatch, tokens.introspect(store, access))
        _set_user(request, found.all.get("sub"))
        session = found.all.get("sid") if found else None
        if not isinstance(session, str):
            return False
        return (yield from execute(self._lockwatch, tokens.revoke(store, session=session))) > 0

    def _refresh_token(self, request: TokenRequest) -> Flow[str | None]:
        if self._cookie is not None:
            return self._cookie.read(request.cookies)
        token: str | None = yield request.body_token
        return token

    def _tokens(self, issued: tokens.Tokens, payload: Mapping[str, Any], request: TokenRequest) -> Reply:
        body: dict[str, Any] = {
            "access_token": issued.access_token,
            "token_type": "Bearer",
            "expires_in": lifetime(payload, issued.access_expires_at),
        }
        if issued.refresh_token is None:
            return json_reply(200, body, NO_STORE)
        if self._cookie is None:
            return json_reply(200, {**body, "refresh_token": issued.refresh_token}, NO_STORE)
        age = lifetime(payload, issued.refresh_expires_at) if issued.refresh_expires_at else 0
        return json_reply(200, body, {**NO_STORE, **self._set_cookie(issued.refresh_token, age, request)})

    def _set_cookie(self, token: str, max_age: int, request: TokenRequest) -> dict[str, str]:
        if self._cookie is None:
            return {}
        mount = request.path.rstrip("/").rpartition("/")[0]
        return {"Set-Cookie": self._cookie.header(token, max_age, mount)}

    def _unavailable(self, error: LockWatchError) -> Reply:
        return _not_stored(token_failure(self._failures, error))


def _not_stored(reply: Reply) -> Reply:
    return Reply(reply.status, reply.body, {**reply.headers, **NO_STORE}, reply.cookies)


def _meta(request: TokenRequest) -> Flow[Any]:
    """What is kept with the session. None keeps what a refresh finds there."""
    if request.meta is not None:
        return (yield from ask("meta", request.meta))
    agent = request.user_agent
    found = {"ip": request.address, "user_agent": None if agent is None else agent[:_MAX_AGENT]}
    return {name: value for name, value in found.items() if value} or None


def _set_user(request: TokenRequest, subject: object) -> None:
    if request.state is not None and isinstance(subject, str):
        request.state.user = subject


def _challenge(error: str, challenge: str) -> Reply:
    return json_reply(401, {"error": error}, {**NO_STORE, "WWW-Authenticate": challenge})
