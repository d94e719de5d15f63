"""lockwatch in Flask: decorators for limits and tokens, and blueprints."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from flask import Blueprint, Flask, Response, after_this_request, current_app, g, request

from .client import LockWatch
from .device import DeviceCookie
from .duration import Duration
from .errors import ConfigurationError
from .failure_log import FailureLog
from .flask_guard import Guard, login_guard
from .flask_refused import Refused, add_headers, refused, response_of
from .flask_request import credentials
from .flask_route import route_text
from .flow import check_client, run
from .http.charging import Pending, finish
from .http.client_address import session_address
from .http.counted import Counted
from .http.reply import Reply
from .http.response import HttpResponse
from .http.route_limit import LimitsFunction, RouteLimitOptions, route_limit
from .http.state import LockWatchState
from .limits import Limits
from .redis.connection import Key
from .rules import read_options
from .token.bearer import BearerGuard
from .token.body import refresh_token_in
from .token.cookie import CookieOptions
from .token.endpoints import ACTIONS, Action, Store, TokenEndpoints, TokenRequest
from .token.jwks import PATH, jwks_reply
from .token.login import Login
from .token.option_rules import BEARER, ROUTES

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = [
    "CookieOptions",
    "DeviceCookie",
    "Guard",
    "Login",
    "Refused",
    "credentials",
    "jwks_blueprint",
    "jwt_required",
    "limit",
    "token_blueprint",
]

View = TypeVar("View", bound=Callable[..., Any])
Authenticate: TypeAlias = Callable[[], "Login | str | int | None"]


def _state() -> LockWatchState | None:
    state = request.environ.get("lockwatch")
    return state if isinstance(state, LockWatchState) else None


def _store_key(store: Store) -> Key:
    return store() if callable(store) else store


def _guarded(refuse: Callable[[], Reply | None]) -> Callable[[View], View]:
    """A decorator of a view, which is called only if `refuse` returns no response."""

    def decorate(view: View) -> View:
        if not callable(view) or isinstance(view, Flask) or getattr(view, "__name__", "") == "wsgi_app":
            raise ConfigurationError(
                f"it decorates a view, and {view!r} is none: write it below @app.route('/'), above the view's function"
            )

        @functools.wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # the view's
            reply = refuse()
            if reply is not None:
                # A limit on an error handler of the application, which Flask calls once.
                if isinstance(sys.exc_info()[1], Refused):
                    return response_of(reply)
                raise refused(reply)
            return current_app.ensure_sync(view)(*args, **kwargs)

        return guarded  # type: ignore[return-value]  # it has the view's signature

    return decorate


def limit(
    lockwatch: LockWatch, limits: Limits | LimitsFunction | None = None, **options: Unpack[RouteLimitOptions]
) -> Callable[[View], View]:
    """A limit on one route.

    `@limit(lw, "5/minute", key=lambda: current_user.id)`, below `@app.route`. `key`, and `limits`
    and `cost` if they are functions, get no arguments. A denial calls `@app.errorhandler(429)`, if
    there is one, with `Refused`.
    """
    checked = route_limit(lockwatch, limits, options, LockWatch)

    def refuse() -> Reply | None:
        state = _state()
        outcome = run(
            checked.admit(
                state=state,
                peer=request.remote_addr,
                counted=Counted.of(request.environ) if state is None else state.counted,
                route=route_text,
                add_headers=add_headers,
                after_response=_after_response,
            )
        )
        return outcome if isinstance(outcome, Reply) else None

    return _guarded(refuse)


def _after_response(pending: Pending) -> None:
    """Does what a limit has left to do once the server has sent the response."""

    @after_this_request
    def add(response: Response) -> Response:
        def closed() -> None:
            finish([pending], HttpResponse(response.status_code, list(response.headers.items())))

        response.call_on_close(closed)
        return response


def jwt_required(
    lockwatch: LockWatch, store: Store, *scopes: str, audience: str | None = None, realm: str = "api"
) -> Callable[[View], View]:
    """A decorator that requires an access token, and puts its claims into `g.claims`.

    All scopes are required.
    """
    check_client(lockwatch, LockWatch, 'jwt_required(lw, "auth")')
    options = {"store": store, "scopes": scopes, "audience": audience, "realm": realm}
    read_options(options, BEARER, " of jwt_required")
    guard = BearerGuard(lockwatch, scopes, audience, realm)

    def refuse() -> Reply | None:
        outcome = run(guard.admit(functools.partial(_store_key, store), request.headers.get("Authorization"), _state()))
        if isinstance(outcome, Reply):
            return outcome
        g.claims = outcome
        return None

    return _guarded(refuse)


def token_blueprint(
    lockwatch: LockWatch,
    store: Store,
    *,
    authenticate: Authenticate,
    prefix: str = "/auth",
    access_ttl: Duration | None = None,
    refresh_ttl: Duration | None = None,
    cookie: CookieOptions | None = None,
    meta: Callable[[], Any] | None = None,
    guard: Guard | None = None,
    login_name: Callable[[], Any] | None = None,
) -> Blueprint:
    """POST login, refresh and logout below a prefix.

    `authenticate` reads `flask.request`, and returns a subject, a `Login`, or None for wrong
    credentials. `meta` returns what is kept with the session, in place of the address and the user
    agent.

    `guard` is asked before `authenticate`, which finds the attempt in `g.attempt` and may report
    its outcome itself. `login_name` returns the name that the login was tried with, in place of the
    body's `username`.
    """
    check_client(lockwatch, LockWatch, 'token_blueprint(lw, "auth", authenticate=…)')
    options: dict[str, Any] = {"store": store, "authenticate": authenticate, "prefix": prefix, "cookie": cookie}
    options |= {"meta": meta, "access_ttl": access_ttl, "refresh_ttl": refresh_ttl}
    options |= {"guard": guard, "login_name": login_name}
    read_options(options, ROUTES, " of token_blueprint")
    endpoints = TokenEndpoints(lockwatch, access_ttl=access_ttl, refresh_ttl=refresh_ttl, cookie=cookie)
    blueprint = Blueprint("lockwatch_tokens", __name__, url_prefix=prefix)

    def token_request() -> TokenRequest:
        state = _state()
        return TokenRequest(
            authenticate=authenticate,
            body_token=_body_token,
            store=functools.partial(_store_key, store),
            meta=meta,
            state=state,
            path=request.script_root + request.path,
            address=session_address(state, request.remote_addr),
            user_agent=request.headers.get("User-Agent"),
            origin=request.headers.get("Origin"),
            authorization=request.headers.get("Authorization"),
            cookies=request.cookies,
            guard=None if guard is None else login_guard(guard, login_name),
        )

    def view(action: Action) -> Response:
        return response_of(run(endpoints.handle(action, token_request())))

    for action in ACTIONS:
        blueprint.add_url_rule(f"/{action}", action, functools.partial(view, action), methods=["POST"])
    return blueprint


def _body_token() -> str | None:
    return refresh_token_in(credentials())


def jwks_blueprint(lockwatch: LockWatch) -> Blueprint:
    """GET /.well-known/jwks.json."""
    check_client(lockwatch, LockWatch, "jwks_blueprint(lw)")
    blueprint = Blueprint("lockwatch_jwks", __name__)
    failures = FailureLog.of(lockwatch)

    @blueprint.get(PATH)
    def jwks() -> Response:
        return response_of(run(jwks_reply(lockwatch, failures, request.headers.get("If-None-Match"))))

    return blueprint
