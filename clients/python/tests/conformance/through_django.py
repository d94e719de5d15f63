"""Sends the requests of a case through the middleware for Django, of both kinds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import Any, cast

from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse
from django.test import override_settings

from lockwatch.django import LockWatchMiddleware, async_client, client, limit

from . import through_asgi, through_wsgi
from .cases import app_of, route_limit_of
from .outcome import Outcome


class _Played:
    """A case, and what came of its present step."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.case = case
        self.step: dict[str, Any] = {}
        self.outcome = Outcome()

    def view(self, request: Any) -> Any:
        self.outcome.app_called = True
        answer = app_of(self.step)
        if "user" in answer:
            request.lockwatch.user = answer["user"]
        return HttpResponse(answer["body"], status=answer["status"], headers=dict(answer["headers"]))

    def answer(self, request: Any) -> Any:
        return self.limited(self.view)(request)

    def limited(self, view: Callable[..., Any]) -> Callable[..., Any]:
        """The view, with the limit of the present step."""
        if "route_limit" not in self.step:
            return view
        limits, options = route_limit_of(self.step)
        # Other frameworks derive the name from the route, and Django from the view.
        return limit(limits, **{"name": "get-.path", **options})(view)

    def ended(self, response: Any) -> None:
        self.outcome.status = response.status_code
        self.outcome.headers = [(name.lower(), value) for name, value in response.items()]
        self.outcome.headers += [("set-cookie", cookie.OutputString()) for cookie in response.cookies.values()]
        self.outcome.body = response.content


def _settings(url: str, options: dict[str, Any], on_event: Any) -> override_settings:
    return override_settings(LOCKWATCH={"redis_url": url, "on_event": on_event, **options})


def run(url: str, options: dict[str, Any], case: dict[str, Any], before: Any, after: Any, on_event: Any) -> None:
    """Calls `before` and `after` around each step, and at the end `after` with None."""
    played = _Played(case)
    with _settings(url, options, on_event):
        middleware = LockWatchMiddleware(played.answer)
        for step in case["steps"]:
            before(step)
            # How long the breaker stays open is what these cases test, so the time has to pass.
            time.sleep(step.get("after_ms", 0) / 1000)
            played.step, played.outcome = step, Outcome()
            request = WSGIRequest({**through_wsgi._environ(step["request"]), "wsgi.input": BytesIO()})
            try:
                played.ended(middleware(request))
            except Exception as error:  # noqa: BLE001  # checked by the test
                played.outcome.error = error
            played.outcome.of_state(getattr(request, "lockwatch", None))
            after(step, played.outcome, client().stats())
        middleware.close()
        client().close()
        after(None, played.outcome, client().stats())


def run_async(url: str, options: dict[str, Any], case: dict[str, Any], before: Any, after: Any, on_event: Any) -> None:
    """The same in asyncio."""
    with _settings(url, options, on_event):
        asyncio.run(_run(case, before, after))


async def _run(case: dict[str, Any], before: Any, after: Any) -> None:
    played = _Played(case)

    async def view(request: Any) -> Any:
        return played.view(request)

    async def get_response(request: Any) -> Any:
        return await played.limited(view)(request)

    middleware = LockWatchMiddleware(get_response)
    for step in case["steps"]:
        before(step)
        # As above.
        await asyncio.sleep(step.get("after_ms", 0) / 1000)
        played.step, played.outcome = step, Outcome()
        request = ASGIRequest(through_asgi._scope(step["request"]), BytesIO())
        try:
            played.ended(await cast("Awaitable[Any]", middleware(request)))
        except Exception as error:  # noqa: BLE001  # checked by the test
            played.outcome.error = error
        played.outcome.of_state(getattr(request, "lockwatch", None))
        after(step, played.outcome, async_client().stats())
    await middleware.aclose()
    await async_client().aclose()
    after(None, played.outcome, async_client().stats())
