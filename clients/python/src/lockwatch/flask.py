"""For Flask: `lw.limit` and `jwt_required` as decorators, and blueprints for signing in and for the public keys."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from flask import Blueprint, Response, after_this_request, current_app, g, request

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
from .client import LockWatch
from .commands import Key
from .errors import CallRefused, ConfigurationError, LockWatchError, TokenError
from .limits import LimitsLike
from .middleware.answers import Answer
from .middleware.state import State
from .placed import PlacedLimit, Placement, Refusal
from .results import RateLimit

if TYPE_CHECKING:
    from typing_extensions import Unpack

View = TypeVar("View", bound=Callable[..., Any])
Authenticate: TypeAlias = Callable[[], "Login | str | None"]


def _response(answer: Answer) -> Response:
    return Response(answer.content, answer.status, list(answer.headers.items()))


def _state() -> State | None:
    state = request.environ.get("lockwatch")
    return state if isinstance(state, State) else None


class FlaskLimit:
    """What `LockWatch.limit` returns: `@lw.limit("5/minute", key=lambda: current_user.id)`, below `@app.route`."""

    def __init__(self, lockwatch: LockWatch, limits: LimitsLike, **placement: Unpack[Placement]) -> None:
        self._link = lockwatch.link
        self._placed = PlacedLimit(limits, **placement)

    def __call__(self, view: View) -> View:
        """The view, behind the limit."""

        @functools.wraps(view)
        def limited(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # whatever the view takes and returns
            refusal = self._refusal()
            return current_app.ensure_sync(view)(*args, **kwargs) if refusal is None else refusal

        return limited  # type: ignore[return-value]  # it takes and returns what the view does

    def _refusal(self) -> Response | None:
        placed, state = self._placed, _state()
        key = None if placed.key is None else placed.key()
        route = request.url_rule.rule if request.url_rule is not None else request.path
        name = placed.name_for(request.method, route)
        try:
            [reply] = self._link.send((placed.call(key, state, request.remote_addr, name),))
        except LockWatchError as error:
            reply = error
        verdict = placed.judge(reply, state, name)
        if isinstance(verdict, Refusal):
            return _response(verdict.answer)
        if verdict is not None and state is None:
            _add_headers(verdict)
        return None


def _add_headers(verdict: RateLimit) -> None:
    @after_this_request
    def add(response: Response) -> Response:
        response.headers.update(verdict.headers())
        return response


def jwt_required(
    lockwatch: LockWatch, store: StoreLike, *scopes: str, audience: str | None = None, realm: str = "api"
) -> Callable[[View], View]:
    """A decorator that lets good access tokens pass. All scopes are needed; the claims are `g.claims`."""
    challenge = Challenge(realm, scopes)

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def protected(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # whatever the view takes and returns
            refusal = _refusal(lockwatch, store, challenge, audience)
            return current_app.ensure_sync(view)(*args, **kwargs) if refusal is None else _response(refusal)

        return protected  # type: ignore[return-value]  # it takes and returns what the view does

    return decorate


def _refusal(lockwatch: LockWatch, store: StoreLike, challenge: Challenge, audience: str | None) -> Answer | None:
    token = bearer(request.headers.get("Authorization"))
    if token is None:
        return challenge.no_token()
    try:
        g.claims = lockwatch.verify(_key(store), token, audience=audience)
    except LockWatchError as error:
        return challenge.not_verified(error)
    if (state := _state()) is not None:
        state.user = g.claims.subject
    return challenge.missing_scope(g.claims)


def _key(store: StoreLike) -> Key:
    return store() if callable(store) else store


def auth_blueprint(
    lockwatch: LockWatch,
    store: StoreLike,
    *,
    authenticate: Authenticate,
    prefix: str = "/auth",
    cookie: bool = False,
    origins: Collection[str] = (),
) -> Blueprint:
    """POST login, refresh and logout under a prefix.

    `authenticate` is the application's: it looks at `flask.request`, and returns a subject, a `Login`, or None. With
    `cookie`, the refresh token travels in a cookie that no script can read, and requests must come from `origins`.
    """
    views = _AuthViews(lockwatch, store, authenticate, TokenRoutes(prefix, cookie=cookie, origins=origins))
    blueprint = Blueprint("lockwatch_auth", __name__, url_prefix=prefix)
    blueprint.before_request(views.check_origin)
    for view in (views.login, views.refresh, views.logout):
        blueprint.add_url_rule(f"/{view.__name__}", view.__name__, view, methods=["POST"])
    return blueprint


class _AuthViews:
    def __init__(self, lockwatch: LockWatch, store: StoreLike, authenticate: Authenticate, routes: TokenRoutes) -> None:
        self._lockwatch = lockwatch
        self._store = store
        self._authenticate = authenticate
        self._routes = routes

    def check_origin(self) -> Response | None:
        refusal = self._routes.foreign(request.headers.get("Origin"))
        return None if refusal is None else _response(refusal)

    def login(self) -> Response:
        known = self._authenticate()
        if known is None:
            return _response(self._routes.unknown())
        who = login_of(known)
        if (state := _state()) is not None:
            state.user = who.subject
        try:
            pair = self._lockwatch.issue(
                _key(self._store), who.subject, claims=who.claims, audience=who.audience, meta=who.meta
            )
        except (CallRefused, ConfigurationError):
            # What the application asks for can't be had, today or tomorrow.
            raise
        except LockWatchError as error:
            return _response(self._routes.away(error))
        return _response(self._routes.issued(pair))

    def refresh(self) -> Response:
        token = _refresh_token(cookie=self._routes.cookie)
        if token is None:
            return _response(self._routes.not_rotated(None))
        try:
            pair = self._lockwatch.rotate(_key(self._store), token)
        except LockWatchError as error:
            return _response(self._routes.not_rotated(error))
        return _response(self._routes.issued(pair))

    def logout(self) -> Response:
        try:
            ended = self._end_session()
        except TokenError:
            ended = True  # Whatever it was, it opens nothing: as good as signed out.
        except LockWatchError as error:
            return _response(self._routes.away(error))
        return _response(self._routes.gone() if ended else self._routes.not_ended())

    def _end_session(self) -> bool:
        key, token = _key(self._store), _refresh_token(cookie=self._routes.cookie)
        if token is not None:
            self._lockwatch.revoke(key, token=token)
        elif (access := bearer(request.headers.get("Authorization"))) is not None:
            # Not verified: that would judge the audience, and a token of any may end its own session.
            found = self._lockwatch.introspect(key, access)
            session = found.all.get("sid") if found else None
            return isinstance(session, str) and self._lockwatch.revoke(key, session=session) > 0
        return True


def _refresh_token(*, cookie: bool) -> str | None:
    if cookie:
        return request.cookies.get(COOKIE) or None
    if (request.content_length or 0) > LONGEST_BODY:
        return None
    # What is sent in pieces has no length, and is read no further than this. Whoever has read it before has kept it.
    body = request.stream.read(LONGEST_BODY + 1) if request.content_length is None else b""
    body = body or request.get_data(cache=True)
    if len(body) > LONGEST_BODY:
        return None
    # Who has asked for the form has the body of it.
    token = refresh_token_in(request.content_type, body) or request.form.get("refresh_token")
    return token if token and len(token) <= LONGEST_BODY else None


def jwks_blueprint(lockwatch: LockWatch) -> Blueprint:
    """GET /.well-known/jwks.json."""
    blueprint = Blueprint("lockwatch_jwks", __name__)
    routes = TokenRoutes("/", cookie=False, origins=())

    @blueprint.get("/.well-known/jwks.json")
    def jwks() -> Response:
        try:
            keys = lockwatch.jwks()
        except LockWatchError as error:
            return _response(routes.away(error))
        return _response(jwks_answer(keys, request.headers.get("If-None-Match")))

    return blueprint
