"""`LOCKWATCH` in the settings of a Django project: the options of the middleware, and a client."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from django.conf import settings
from django.core.signals import setting_changed
from django.http import HttpResponseBase
from django.utils.module_loading import import_string

from .aio import AsyncLockWatch
from .client import LockWatch
from .client_rules import CONNECTION
from .errors import ConfigurationError
from .flow import Client
from .http.fallback import OnFailure, on_failure_of
from .http.keys import Keys
from .http.option_rules import ASGI, WSGI
from .http.options import MiddlewareOptions, client_options, client_source, read_middleware_options
from .http.reply import Reply
from .http.request import HttpRequest

ClientT = TypeVar("ClientT", LockWatch, AsyncLockWatch)

# The member of the environ or scope that holds the request of Django.
REQUEST = "lockwatch.django"
# Functions that get the request, and those that may be given by their path.
_OF_REQUEST = ("key_func", "plan_func", "limits", "cost", "on_denied", "challenge")
_BY_PATH = ("key_func", "plan_func", "cost", "on_denied", "count_when", "on_event")
# Options that say where Redis is, or belong to the client.
_OF_CLIENT = frozenset({"redis_url", "redis", "redis_cluster", "on_event", *CONNECTION})

_lock = threading.RLock()
_clients: dict[type, Any] = {}


def client() -> LockWatch:
    """The client of the settings, which the middleware, limits and throttles share."""
    return _client(LockWatch)


def async_client() -> AsyncLockWatch:
    """`client` for asyncio."""
    return _client(AsyncLockWatch)


def used_async_client() -> AsyncLockWatch | None:
    """`async_client()` if there is one already."""
    return _clients.get(AsyncLockWatch)


def _client(kind: type[ClientT]) -> ClientT:
    found: ClientT | None = _clients.get(kind)
    if found is None:
        with _lock:
            found = _clients.get(kind)
            if found is None:
                found = _clients[kind] = _made(kind)
    return found


def _made(kind: type[ClientT]) -> ClientT:
    given = _given()
    own = {"on_event": given.pop("on_event")} if given.get("on_event") is not None else {}
    options = read_middleware_options(cast("MiddlewareOptions", given), WSGI if kind is LockWatch else ASGI)
    source = client_source(options)
    if not isinstance(source, kind):
        return kind(source, **client_options(options), **own)
    if own:
        raise ConfigurationError(f"on_event and a {kind.__name__} are both given: write {kind.__name__}(…, on_event=…)")
    return source


def middleware_options(lockwatch: Client) -> MiddlewareOptions:
    """The options of the middleware, with a client of the settings."""
    others = {name: value for name, value in _given().items() if name not in _OF_CLIENT}
    return cast("MiddlewareOptions", {**others, "redis": lockwatch})


@dataclass(frozen=True, slots=True)
class ThrottleOptions:
    """What throttles take from the options of the middleware."""

    keys: Keys
    on_failure: OnFailure
    shadow: bool


@functools.lru_cache(maxsize=1)
def throttle_options() -> ThrottleOptions:
    """Those of the settings."""
    options = read_middleware_options(middleware_options(client()), WSGI)
    return ThrottleOptions(
        Keys(options.get("key_prefix"), client().service),
        on_failure_of(options, "", None),
        options.get("shadow", False),
    )


def _given() -> dict[str, Any]:
    """The settings, with functions that get the request of Django."""
    given = getattr(settings, "LOCKWATCH", None)
    if not isinstance(given, Mapping):
        raise ConfigurationError(
            "LOCKWATCH is missing in the settings: write LOCKWATCH = {'redis_url': 'redis://localhost:6379', "
            "'limits': '100/minute'}"
        )
    options = _with_functions(given, "")
    routes = options.get("routes")
    if isinstance(routes, Mapping):
        options["routes"] = {
            pattern: _with_functions(policy, f" of routes[{pattern!r}]") if isinstance(policy, Mapping) else policy
            for pattern, policy in routes.items()
        }
    bodies = options.get("error_bodies")
    if isinstance(bodies, Mapping):
        options["error_bodies"] = {kind: of_request(body) if callable(body) else body for kind, body in bodies.items()}
    return options


def _with_functions(given: Mapping[str, Any], of: str) -> dict[str, Any]:
    options = dict(given)
    for name in _BY_PATH:
        if isinstance(options.get(name), str):
            options[name] = _imported(f"{name}{of}", options[name])
    for name in _OF_REQUEST:
        if callable(options.get(name)):
            options[name] = of_request(options[name])
    return options


def _imported(option: str, path: str) -> Any:  # noqa: ANN401  # checked as the option
    try:
        return import_string(path)
    except ImportError as error:
        raise ConfigurationError(f"{option} is {path!r}, which can't be imported: {error}") from error


def of_request(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of Django's request as one of lockwatch's, which the middleware calls."""
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def call_async(request: HttpRequest, *rest: object) -> Any:  # noqa: ANN401  # the function's result
            return reply_of(await function(request.raw[REQUEST].request, *rest))

        return call_async

    @functools.wraps(function)
    def call(request: HttpRequest, *rest: object) -> Any:  # noqa: ANN401  # the function's result
        return reply_of(function(request.raw[REQUEST].request, *rest))

    return call


def reply_of(given: Any) -> Any:  # noqa: ANN401  # passed on
    """A response of Django as one that lockwatch sends. Anything else is returned as it is."""
    if not isinstance(given, HttpResponseBase):
        return given
    content = getattr(given, "content", None)
    if not isinstance(content, bytes):
        raise ConfigurationError(
            f"a {type(given).__name__} can't be the response to a denied request: it has no content"
        )
    cookies = tuple(morsel.OutputString() for morsel in given.cookies.values())
    return Reply(given.status_code, content, dict(given.items()), cookies)


def _forget(*, setting: str, **_: object) -> None:
    """Makes new clients after a test has changed the settings."""
    if setting == "LOCKWATCH":
        with _lock:
            _clients.clear()
            throttle_options.cache_clear()


setting_changed.connect(_forget)
