"""lockwatch in FastAPI: dependencies for limits and tokens, and routers.

Dependencies refuse a request by raising `Refused`, an HTTPException. Its response is exactly what
the middleware would send, unless the application has a handler of its own for every HTTPException
and does not call `install`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.security.base import SecurityBase

from .aio import AsyncLockWatch
from .duration import Duration
from .failure_log import FailureLog
from .fastapi_responses import Refused, RouteHeaders, add_headers, prepare, respond, response_of
from .fastapi_route import route_text
from .flow import run_async
from .http.counted import Counted
from .http.reply import Reply
from .http.route_limit import LimitsFunction, RouteLimit, RouteLimitOptions
from .http.state import LockWatchState
from .limits import Limits
from .ratelimit import RateLimitResult
from .redis.connection import Key
from .token.bearer import BearerGuard
from .token.body import MAX_BODY, refresh_token_in
from .token.cookie import CookieOptions
from .token.endpoints import ACTIONS, Action, Login, Store, TokenEndpoints, TokenRequest
from .token.jwks import PATH, jwks_reply
from .tokens import Claims

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = [
    "CookieOptions",
    "Login",
    "Refused",
    "install",
    "jwks_router",
    "jwt_required",
    "limit",
    "token_router",
]

Authenticate: TypeAlias = Callable[[Request], Awaitable[Login | str | None]]


def install(app: FastAPI) -> None:
    """Makes limits and guards respond as the middleware does. Call it before the first request.

    Denials then have the middleware's body, and the headers of a limit are on every response, also
    on one that a handler returns itself.
    """
    app.add_exception_handler(Refused, respond)
    app.add_middleware(RouteHeaders)


def _state(request: Request) -> LockWatchState | None:
    state = request.scope.get("state", {}).get("lockwatch")
    return state if isinstance(state, LockWatchState) else None


def _store_key(store: Store, request: Request) -> Key:
    return store(request) if callable(store) else store


def limit(
    lockwatch: AsyncLockWatch, limits: Limits | LimitsFunction, **options: Unpack[RouteLimitOptions]
) -> Callable[[Request, Response], Awaitable[RateLimitResult | None]]:
    """A limit on one route.

    `Depends(limit(lw, "5/minute", key=lambda request: request.state.user))`.

    The dependency returns the result, or None if Redis did not answer or the limit does not apply.
    `key`, and `limits` and `cost` if they are functions, are given the request and may be
    asynchronous.
    """
    route_limit = RouteLimit(lockwatch, limits, **options)

    async def dependency(request: Request, response: Response) -> RateLimitResult | None:
        prepare(request)
        state = _state(request)
        outcome = await run_async(
            route_limit.admit(
                request,
                state=state,
                peer=request.client.host if request.client else None,
                counted=Counted.of(request.scope) if state is None else state.counted,
                route=partial(route_text, request.scope),
                add_headers=partial(add_headers, request, response),
            )
        )
        if isinstance(outcome, Reply):
            raise Refused(outcome)
        return outcome

    return dependency


class JwtRequired(SecurityBase):
    """A dependency that requires an access token, and returns its claims."""

    def __init__(self, guard: BearerGuard, store: Store) -> None:
        self._guard = guard
        self._store = store
        # FastAPI's documentation shows these two.
        self.model = HTTPBearerModel()
        self.scheme_name = "Bearer"

    async def __call__(self, request: Request) -> Claims:
        """The claims of the request's token. Raises Refused."""
        authorization = request.headers.get("authorization")
        outcome = await run_async(
            self._guard.admit(partial(_store_key, self._store, request), authorization, _state(request))
        )
        if isinstance(outcome, Reply):
            prepare(request)
            raise Refused(outcome)
        request.state.claims = outcome
        return outcome


def jwt_required(
    lockwatch: AsyncLockWatch, store: Store, *scopes: str, audience: str | None = None, realm: str = "api"
) -> JwtRequired:
    """A dependency that requires an access token with all of the scopes.

    `claims: Claims = Depends(jwt_required(lw, "auth", "orders:read"))`.
    """
    return JwtRequired(BearerGuard(lockwatch, scopes, audience, realm), store)


def token_router(
    lockwatch: AsyncLockWatch,
    store: Store,
    *,
    authenticate: Authenticate,
    prefix: str = "/auth",
    access_ttl: Duration | None = None,
    refresh_ttl: Duration | None = None,
    cookie: CookieOptions | None = None,
) -> APIRouter:
    """POST login, refresh and logout below a prefix.

    `authenticate` is given the request of a login, and returns a subject, a `Login`, or None for
    wrong credentials.
    """
    endpoints = TokenEndpoints(lockwatch, prefix, access_ttl=access_ttl, refresh_ttl=refresh_ttl, cookie=cookie)
    router = APIRouter(prefix=prefix, tags=["auth"])

    def endpoint(action: Action) -> Callable[[Request], Awaitable[Response]]:
        async def respond(request: Request) -> Response:
            return response_of(await run_async(endpoints.handle(action, _token_request(request, store, authenticate))))

        return respond

    for action in ACTIONS:
        router.add_api_route(f"/{action}", endpoint(action), methods=["POST"], name=action)
    return router


def _token_request(request: Request, store: Store, authenticate: Authenticate) -> TokenRequest:
    return TokenRequest(
        authenticate=partial(authenticate, request),
        body_token=partial(_body_token, request),
        store=partial(_store_key, store, request),
        state=_state(request),
        origin=request.headers.get("origin"),
        authorization=request.headers.get("authorization"),
        cookies=request.cookies,
    )


async def _body_token(request: Request) -> str | None:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            return None
    return refresh_token_in(request.headers.get("content-type"), body)


def jwks_router(lockwatch: AsyncLockWatch) -> APIRouter:
    """GET /.well-known/jwks.json."""
    router = APIRouter(tags=["auth"])
    failures = FailureLog.of(lockwatch)

    @router.get(PATH)
    async def jwks(request: Request) -> Response:
        """The public keys that access tokens are verified with (RFC 7517)."""
        return response_of(await run_async(jwks_reply(lockwatch, failures, request.headers.get("if-none-match"))))

    return router
