"""A decorator that limits a view of Django."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http import Http404
from django.http.response import HttpResponseBase

from .aio import AsyncLockWatch
from .client import LockWatch
from .django_exchange import add_headers, response_of, state_of
from .django_settings import async_client, client, reply_of
from .flow import Client, check_client, run, run_async
from .http.charging import Pending, finish
from .http.counted import Counted
from .http.option_rules import ASYNC_ROUTE_LIMIT
from .http.reply import Reply
from .http.response import HttpResponse
from .http.route_limit import LimitsFunction, RouteLimit, RouteLimitOptions
from .limits import Limits
from .rules import Rules, read_options, synchronous

if TYPE_CHECKING:
    from typing_extensions import Unpack

_SYNC_RULES: Rules = {
    **ASYNC_ROUTE_LIMIT,
    **{name: synchronous(ASYNC_ROUTE_LIMIT[name]) for name in ("limits", "cost", "key", "on_denied")},
}
View = TypeVar("View", bound=Callable[..., Any])
_STATUS = ((Http404, 404), (PermissionDenied, 403), (SuspiciousOperation, 400), (BadRequest, 400))


def limit(
    limits: Limits | LimitsFunction, *, lockwatch: Client | None = None, **options: Unpack[RouteLimitOptions]
) -> Callable[[View], View]:
    """A limit on one view, synchronous or asynchronous.

    `@limit("5/minute", key=lambda request: request.user.pk)`, and for a method of a class
    `@method_decorator(limit("5/minute"))`. `key` gets the request, and so do `limits` and `cost` if
    they are functions. `lockwatch` is a client in place of that of the settings.
    """
    checked = _Limits(limits, lockwatch, options)

    def decorate(view: View) -> View:
        name, is_async = _named(view)
        if is_async:

            @functools.wraps(view)
            async def limited_async(request: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # the view's
                asked = _Asked(request, name)
                outcome = await run_async(asked.admission(checked.of(AsyncLockWatch)))
                if isinstance(outcome, Reply):
                    return asked.refused(outcome)
                with asked.failing():
                    return asked.answered(await view(request, *args, **kwargs))

            return limited_async  # type: ignore[return-value]  # it has the view's signature

        @functools.wraps(view)
        def limited(request: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # the view's
            asked = _Asked(request, name)
            outcome = run(asked.admission(checked.of(LockWatch)))
            if isinstance(outcome, Reply):
                return asked.refused(outcome)
            with asked.failing():
                return asked.answered(view(request, *args, **kwargs))

        return limited  # type: ignore[return-value]  # it has the view's signature

    return decorate


def _named(view: Any) -> tuple[str, bool]:  # noqa: ANN401  # a view of any kind
    """The name of a view's limit, and whether the view is asynchronous.

    Views of classes are functions of Django's own, so it is the class that names them.
    """
    function = view
    while isinstance(function, functools.partial):
        function = function.func
    method = getattr(function, "__self__", None)
    owner = getattr(view, "view_class", None) or (None if method is None else type(method))
    if owner is None:
        name = f"{function.__module__}.{getattr(function, '__qualname__', type(function).__qualname__)}"
        return f"/{name}", iscoroutinefunction(view) or inspect.iscoroutinefunction(view)
    part = "" if method is None else f".{function.__name__}"
    # What calls the handlers of an asynchronous class is a synchronous method.
    calls_async = part in ("", ".dispatch") and getattr(owner, "view_is_async", False)
    return f"/{owner.__module__}.{owner.__qualname__}{part}", calls_async or inspect.iscoroutinefunction(view)


class _Limits:
    """A limit with the client for views of either kind, which is made with the first request.

    The settings may name functions of a module that is being imported when a view is decorated.
    """

    def __init__(self, limits: Limits | LimitsFunction, lockwatch: Client | None, options: RouteLimitOptions) -> None:
        self._limits = limits
        self._lockwatch = lockwatch
        self._options = options
        if callable(on_denied := options.get("on_denied")):
            self._options = {**options, "on_denied": _answering(on_denied)}
        self._read(LockWatch if isinstance(lockwatch, LockWatch) else AsyncLockWatch)
        # With the client, which is another one after a test has changed the settings.
        self._made: dict[type, tuple[Client, RouteLimit]] = {}

    def _read(self, kind: type[LockWatch] | type[AsyncLockWatch]) -> dict[str, Any]:
        rules = ASYNC_ROUTE_LIMIT if kind is AsyncLockWatch else _SYNC_RULES
        return read_options({"limits": self._limits, **self._options}, rules, " of limit")

    def of(self, kind: type[LockWatch] | type[AsyncLockWatch]) -> RouteLimit:
        lockwatch = self._lockwatch or (client() if kind is LockWatch else async_client())
        made = self._made.get(kind)
        if made is None or made[0] is not lockwatch:
            options = self._read(kind)
            checked: Client = check_client(lockwatch, kind, "this view")
            limit = RouteLimit(checked, options.pop("limits"), cast("RouteLimitOptions", options))
            # Two threads may make one each. They count under the same keys.
            made = self._made[kind] = (lockwatch, limit)
        return made[1]


def _answering(on_denied: Callable[..., Any]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(on_denied):

        @functools.wraps(on_denied)
        async def answer_async(*given: object) -> Any:  # noqa: ANN401  # the function's result
            return reply_of(await on_denied(*given))

        return answer_async

    @functools.wraps(on_denied)
    def answer(*given: object) -> Any:  # noqa: ANN401  # the function's result
        return reply_of(on_denied(*given))

    return answer


class _Asked:
    """A request to a view that is limited."""

    def __init__(self, request: Any, name: str) -> None:  # noqa: ANN401  # of Django or of its REST framework
        self._request = request
        self._name = name
        self._state = state_of(request)
        # Both only without the middleware, which does the same for all limits.
        self._headers: dict[str, str] = {}
        self._pending: list[Pending] = []

    def admission(self, checked: RouteLimit) -> Generator[Any, Any, Any]:
        """The flow that asks for the limit."""
        state = self._state
        return checked.admit(
            self._request,
            state=state,
            peer=self._request.META.get("REMOTE_ADDR"),
            counted=Counted.of(self._request.META) if state is None else state.counted,
            route=lambda: self._name,
            add_headers=self._headers.update,
            after_response=self._pending.append,
        )

    def refused(self, reply: Reply) -> HttpResponseBase:
        return response_of(reply)

    def answered(self, response: HttpResponseBase) -> HttpResponseBase:
        add_headers(response, self._headers.items())
        self._finish(response.status_code, dict(response.items()))
        return response

    @contextmanager
    def failing(self) -> Generator[None, None, None]:
        """Does what is left to do if the view raises."""
        try:
            yield
        except BaseException as error:
            status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
            self._finish(status, {})
            raise

    def _finish(self, status: int, headers: Mapping[str, str]) -> None:
        pending, self._pending = self._pending, []
        finish(pending, HttpResponse(status, list(headers.items())))
