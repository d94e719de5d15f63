"""For FastAPI: `lw.limit` as a dependency, `jwt_required`, and routers for signing in and for the public keys.

Dependencies refuse by raising `Refused`, an HTTPException. `install(app)` makes its response exactly what the
middleware would give; without, FastAPI wraps the body in its usual `{"detail": …}`.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING, Any, TypeAlias

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.security.base import SecurityBase

from .aio import AsyncLockWatch
from .auth import (
    COOKIE,
    LONGEST_BODY,
    Challenge,
    Login,
    StoreLike,
    TokenRoutes,
    bearer,
    jwks_answer,
    login_of,
    refresh_token_in,
)
from .commands import Key
from .errors import CallRefused, ConfigurationError, LockWatchError, TokenError
from .limits import LimitsLike
from .middleware.answers import Answer
from .middleware.state import State
from .placed import PlacedLimit, Placement, Refusal
from .results import RateLimit
from .tokens import Claims

if TYPE_CHECKING:
    from typing_extensions import Unpack

Authenticate: TypeAlias = Callable[[Request], Awaitable[Login | str | None]]


class Refused(HTTPException):
    """A dependency of ours ends the request."""

    def __init__(self, answer: Answer) -> None:
        headers = {name: value for name, value in answer.headers.items() if name.lower() != "content-type"}
        super().__init__(answer.status, json.loads(answer.content or b"null"), headers)
        self.answer = answer


def install(app: FastAPI) -> None:
    """Makes what dependencies refuse look as what the middleware refuses."""

    async def respond(_request: Request, refused: Exception) -> Response:  # handlers are asynchronous
        if not isinstance(refused, Refused):
            raise refused
        return _response(refused.answer)

    app.add_exception_handler(Refused, respond)


def _response(answer: Answer) -> Response:
    return Response(answer.content, answer.status, dict(answer.headers))


def _state(request: Request) -> State | None:
    state = request.scope.get("state", {}).get("lockwatch")
    return state if isinstance(state, State) else None


class FastAPILimit:
    """What `AsyncLockWatch.limit` returns: `Depends(lw.limit("5/minute", key=lambda request: request.state.user))`."""

    def __init__(self, lockwatch: AsyncLockWatch, limits: LimitsLike, **placement: Unpack[Placement]) -> None:
        self._link = lockwatch.link
        self._placed = PlacedLimit(limits, **placement)

    async def __call__(self, request: Request, response: Response) -> RateLimit | None:
        """The verdict, or None where Redis did not say; raises Refused."""
        placed, state = self._placed, _state(request)
        key: Any = None if placed.key is None else placed.key(request)
        if inspect.isawaitable(key):
            key = await key
        route = getattr(request.scope.get("route"), "path", request.url.path)
        name = placed.name_for(request.method, route)
        call = placed.call(key, state, request.client.host if request.client else None, name)
        try:
            [reply] = await self._link.send((call,))
        except LockWatchError as error:
            reply = error
        verdict = placed.judge(reply, state, name)
        if isinstance(verdict, Refusal):
            raise Refused(verdict.answer)
        if verdict is not None and state is None:
            response.headers.update(verdict.headers())
        return verdict


class JwtRequired(SecurityBase):
    """A dependency that lets requests with a good access token pass, and returns its claims."""

    def __init__(self, lockwatch: AsyncLockWatch, store: StoreLike, challenge: Challenge, audience: str | None) -> None:
        self._lockwatch = lockwatch
        self._store = store
        self._challenge = challenge
        self._audience = audience
        # What FastAPI's documentation shows.
        self.model = HTTPBearerModel()
        self.scheme_name = "Bearer"

    async def __call__(self, request: Request) -> Claims:
        """The claims of the request's token; raises Refused."""
        token = bearer(request.headers.get("authorization"))
        if token is None:
            raise Refused(self._challenge.no_token())
        try:
            claims = await self._lockwatch.verify(_key(self._store, request), token, audience=self._audience)
        except LockWatchError as error:
            raise Refused(self._challenge.not_verified(error)) from error
        if (state := _state(request)) is not None:
            state.user = claims.subject
        if (refusal := self._challenge.missing_scope(claims)) is not None:
            raise Refused(refusal)
        return claims


def jwt_required(
    lockwatch: AsyncLockWatch, store: StoreLike, *scopes: str, audience: str | None = None, realm: str = "api"
) -> JwtRequired:
    """A dependency: `claims: Claims = Depends(jwt_required(lw, "auth", "orders:read"))`. All scopes are needed."""
    return JwtRequired(lockwatch, store, Challenge(realm, scopes), audience)


def _key(store: StoreLike, request: Request) -> Key:
    return store(request) if callable(store) else store


def auth_router(
    lockwatch: AsyncLockWatch,
    store: StoreLike,
    *,
    authenticate: Authenticate,
    prefix: str = "/auth",
    cookie: bool = False,
    origins: Collection[str] = (),
) -> APIRouter:
    """POST login, refresh and logout under a prefix.

    `authenticate` is the application's: it looks at the request of a login, and returns a subject, a `Login`, or None.
    With `cookie`, the refresh token travels in a cookie that no script can read, and requests must come from `origins`.
    """
    views = _AuthViews(lockwatch, store, authenticate, TokenRoutes(prefix, cookie=cookie, origins=origins))
    router = APIRouter(prefix=prefix, tags=["auth"])
    for view in (views.login, views.refresh, views.logout):
        router.add_api_route(f"/{view.__name__}", view, methods=["POST"])
    return router


class _AuthViews:
    def __init__(
        self, lockwatch: AsyncLockWatch, store: StoreLike, authenticate: Authenticate, routes: TokenRoutes
    ) -> None:
        self._lockwatch = lockwatch
        self._store = store
        self._authenticate = authenticate
        self._routes = routes

    async def login(self, request: Request) -> Response:
        """Trades credentials for tokens."""
        if (refusal := self._routes.foreign(request.headers.get("origin"))) is not None:
            return _response(refusal)
        known = await self._authenticate(request)
        if known is None:
            return _response(self._routes.unknown())
        who = login_of(known)
        if (state := _state(request)) is not None:
            state.user = who.subject
        try:
            pair = await self._lockwatch.issue(
                _key(self._store, request), who.subject, claims=who.claims, audience=who.audience, meta=who.meta
            )
        except (CallRefused, ConfigurationError):
            # What the application asks for can't be had, today or tomorrow.
            raise
        except LockWatchError as error:
            return _response(self._routes.away(error))
        return _response(self._routes.issued(pair))

    async def refresh(self, request: Request) -> Response:
        """Trades a refresh token for the next pair."""
        if (refusal := self._routes.foreign(request.headers.get("origin"))) is not None:
            return _response(refusal)
        token = await _refresh_token(request, cookie=self._routes.cookie)
        if token is None:
            return _response(self._routes.not_rotated(None))
        try:
            pair = await self._lockwatch.rotate(_key(self._store, request), token)
        except LockWatchError as error:
            return _response(self._routes.not_rotated(error))
        return _response(self._routes.issued(pair))

    async def logout(self, request: Request) -> Response:
        """Ends the session of the refresh token, or else of the access token."""
        if (refusal := self._routes.foreign(request.headers.get("origin"))) is not None:
            return _response(refusal)
        try:
            ended = await self._end_session(request)
        except TokenError:
            ended = True  # Whatever it was, it opens nothing: as good as signed out.
        except LockWatchError as error:
            return _response(self._routes.away(error))
        return _response(self._routes.gone() if ended else self._routes.not_ended())

    async def _end_session(self, request: Request) -> bool:
        key, token = _key(self._store, request), await _refresh_token(request, cookie=self._routes.cookie)
        if token is not None:
            await self._lockwatch.revoke(key, token=token)
        elif (access := bearer(request.headers.get("authorization"))) is not None:
            # Not verified: that would judge the audience, and a token of any may end its own session.
            found = await self._lockwatch.introspect(key, access)
            session = found.all.get("sid") if found else None
            return isinstance(session, str) and await self._lockwatch.revoke(key, session=session) > 0
        return True


async def _refresh_token(request: Request, *, cookie: bool) -> str | None:
    if cookie:
        return request.cookies.get(COOKIE) or None
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_BODY:
            return None
    return refresh_token_in(request.headers.get("content-type"), body)


def jwks_router(lockwatch: AsyncLockWatch) -> APIRouter:
    """GET /.well-known/jwks.json."""
    router = APIRouter(tags=["auth"])
    routes = TokenRoutes("/", cookie=False, origins=())

    @router.get("/.well-known/jwks.json")
    async def jwks(request: Request) -> Response:
        """The public keys that access tokens are verified with (RFC 7517)."""
        try:
            keys = await lockwatch.jwks()
        except LockWatchError as error:
            return _response(routes.away(error))
        return _response(jwks_answer(keys, request.headers.get("if-none-match")))

    return router
