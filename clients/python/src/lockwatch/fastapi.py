"""lockwatch in FastAPI: dependencies for limits and tokens, and routers.

Dependencies refuse a request by raising `Refused`, an HTTPException. Its response is exactly what
the middleware would send, unless the application has a handler of its own for every HTTPException
and does not call `install`.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.requests import HTTPConnection
from fastapi.security.base import SecurityBase

from .aio import AsyncLockWatch
from .asgi import STATE
from .device import DeviceCookie
from .duration import Duration
from .errors import ConfigurationError
from .failure_log import FailureLog
from .fastapi_guard import Guard, login_guard
from .fastapi_request import credentials, full_path
from .fastapi_responses import Refused, RouteHeaders, add_headers, after_response, prepare, respond, response_of
from .fastapi_route import route_text
from .fastapi_scheme import security_scheme
from .flow import check_client, run_async
from .http.client_address import session_address
from .http.counted import Counted
from .http.reply import Reply
from .http.route_limit import LimitsFunction, RouteLimitOptions, route_limit
from .http.state import LockWatchState
from .limits import Limits
from .ratelimit import RateLimitResult
from .redis.connection import Key
from .rules import read_options
from .token.bearer import BearerGuard
from .token.body import refresh_token_in
from .token.cookie import CookieOptions
from .token.endpoints import ACTIONS, Action, Store, TokenEndpoints, TokenRequest
from .token.jwks import PATH, jwks_reply
from .token.login import Login
from .token.option_rules import ASYNC_BEARER, ASYNC_ROUTES
from .tokens import Claims

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = [
    "CookieOptions",
    "DeviceCookie",
    "Guard",
    "Login",
    "Refused",
    "credentials",
    "install",
    "jwks_router",
    "jwt_required",
    "limit",
    "token_router",
]

Known: TypeAlias = "Login | str | int | None"
Authenticate: TypeAlias = Callable[[Request], "Known | Awaitable[Known]"]


def install(app: FastAPI) -> None:
    """Makes limits and guards respond as the middleware does. Call it before the first request.

    Denials then have the middleware's body, and the headers of a limit are on every response, also
    on one that a handler returns itself.
    """
    app.add_exception_handler(Refused, respond)
    app.add_middleware(RouteHeaders)


def _state(request: HTTPConnection) -> LockWatchState | None:
    state = request.scope.get(STATE)
    return state if isinstance(state, LockWatchState) else None


def _peer(request: HTTPConnection) -> str | None:
    return request.client.host if request.client else None


def _store_key(store: Store, request: Request) -> Key:
    return store(request) if callable(store) else store


def limit(
    lockwatch: AsyncLockWatch, limits: Limits | LimitsFunction | None = None, **options: Unpack[RouteLimitOptions]
) -> Callable[[HTTPConnection, Response], Awaitable[RateLimitResult | None]]:
    """A limit on one route, also on that of a WebSocket.

    `Depends(limit(lw, "5/minute", key=lambda request: request.state.user))`.

    The dependency returns the result, or None if Redis did not answer or the limit does not apply.
    `key`, and `limits` and `cost` if they are functions, are given the request and may be
    asynchronous.
    """
    checked = route_limit(lockwatch, limits, options, AsyncLockWatch)

    async def dependency(request: HTTPConnection, response: Response) -> RateLimitResult | None:
        prepare(request)
        state = _state(request)
        outcome = await run_async(
            checked.admit(
                request,
                state=state,
                peer=_peer(request),
                counted=Counted.of(request.scope) if state is None else state.counted,
                route=partial(route_text, request.scope),
                add_headers=partial(add_headers, request, response),
                after_response=partial(after_response, request),
            )
        )
        if isinstance(outcome, Reply):
            raise Refused(outcome)
        return outcome

    return Dependency(dependency, '@app.get("/", dependencies=[Depends(limit(lw, "5/minute"))])', "above")


class Dependency:
    """A function for `Depends`, which refuses to be a decorator."""

    def __init__(self, function: Callable[..., Awaitable[Any]], write: str, where: str) -> None:
        self._function = function
        self._right = f"write {write} {where}"
        # FastAPI reads these two: whether to await it, and what to call it with.
        setattr(self, "__call__", function)  # noqa: B010  # mypy does not know that Python ignores it
        self.__signature__ = inspect.signature(function, eval_str=True)

    def __call__(self, *arguments: Any, **named: Any) -> Awaitable[Any]:  # noqa: ANN401  # the function's
        """Calls the function. Raises ConfigurationError if it is used as a decorator."""
        if arguments and callable(arguments[0]) and not isinstance(arguments[0], HTTPConnection):
            raise ConfigurationError(
                f"it is a dependency and no decorator: {self._right} {getattr(arguments[0], '__name__', 'the handler')}"
            )
        return self._function(*arguments, **named)


class JwtRequired(Dependency, SecurityBase):
    """A dependency that requires an access token, and returns its claims."""

    def __init__(self, guard: BearerGuard, store: Store, scheme: tuple[Any, str]) -> None:
        super().__init__(self._admit, "claims: Claims = Depends(jwt_required(lw, 'auth'))", "as a parameter of")
        self._guard = guard
        self._store = store
        # FastAPI's documentation shows these two.
        self.model, self.scheme_name = scheme

    async def _admit(self, request: Request) -> Claims:
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
    lockwatch: AsyncLockWatch,
    store: Store,
    *scopes: str,
    audience: str | None = None,
    realm: str = "api",
    token_url: str | None = None,
) -> JwtRequired:
    """A dependency that requires an access token with all of the scopes.

    `claims: Claims = Depends(jwt_required(lw, "auth", "orders:read"))`. The claims are in
    `request.state.claims` as well. With `token_url`, the path of the login, "Authorize" in `/docs`
    logs in.
    """
    check_client(lockwatch, AsyncLockWatch, 'jwt_required(lw, "auth")')
    options = {"store": store, "scopes": scopes, "audience": audience, "realm": realm, "token_url": token_url}
    read_options(options, ASYNC_BEARER, " of jwt_required")
    guard = BearerGuard(lockwatch, scopes, audience, realm)
    return JwtRequired(guard, store, security_scheme(lockwatch, token_url, scopes))


def token_router(
    lockwatch: AsyncLockWatch,
    store: Store,
    *,
    authenticate: Authenticate,
    prefix: str = "/auth",
    access_ttl: Duration | None = None,
    refresh_ttl: Duration | None = None,
    cookie: CookieOptions | None = None,
    meta: Callable[[Request], Any] | None = None,
    guard: Guard | None = None,
    login_name: Callable[[Request], Any] | None = None,
) -> APIRouter:
    """POST login, refresh and logout below a prefix.

    `authenticate` is given the request of a login, and returns a subject, a `Login`, or None for
    wrong credentials. `meta` is given the request, and returns what is kept with the session, in
    place of the address and the user agent. Both may be asynchronous.

    `guard` is asked before `authenticate`, which finds the attempt in `request.state.attempt` and
    may report its outcome itself. `login_name` returns the name that the login was tried with, in
    place of the body's `username`.
    """
    check_client(lockwatch, AsyncLockWatch, 'token_router(lw, "auth", authenticate=…)')
    options: dict[str, Any] = {"store": store, "authenticate": authenticate, "prefix": prefix, "cookie": cookie}
    options |= {"meta": meta, "access_ttl": access_ttl, "refresh_ttl": refresh_ttl}
    options |= {"guard": guard, "login_name": login_name}
    read_options(options, ASYNC_ROUTES, " of token_router")
    endpoints = TokenEndpoints(lockwatch, access_ttl=access_ttl, refresh_ttl=refresh_ttl, cookie=cookie)
    router = APIRouter(prefix=prefix, tags=["auth"])

    def token_request(request: Request) -> TokenRequest:
        state = _state(request)
        return TokenRequest(
            authenticate=partial(authenticate, request),
            body_token=partial(_body_token, request),
            store=partial(_store_key, store, request),
            meta=None if meta is None else partial(meta, request),
            state=state,
            path=full_path(request.scope),
            address=session_address(state, _peer(request)),
            user_agent=request.headers.get("user-agent"),
            origin=request.headers.get("origin"),
            authorization=request.headers.get("authorization"),
            cookies=request.cookies,
            guard=None if guard is None else login_guard(guard, request, login_name),
        )

    def endpoint(action: Action) -> Callable[[Request], Awaitable[Response]]:
        async def respond(request: Request) -> Response:
            return response_of(await run_async(endpoints.handle(action, token_request(request))))

        return respond

    for action in ACTIONS:
        router.add_api_route(f"/{action}", endpoint(action), methods=["POST"], name=action)
    return router


async def _body_token(request: Request) -> str | None:
    return refresh_token_in(await credentials(request))


def jwks_router(lockwatch: AsyncLockWatch) -> APIRouter:
    """GET /.well-known/jwks.json."""
    check_client(lockwatch, AsyncLockWatch, "jwks_router(lw)")
    router = APIRouter(tags=["auth"])
    failures = FailureLog.of(lockwatch)

    @router.get(PATH)
    async def jwks(request: Request) -> Response:
        """The public keys that access tokens are verified with (RFC 7517)."""
        return response_of(await run_async(jwks_reply(lockwatch, failures, request.headers.get("if-none-match"))))

    return router
