"""A Django project in one file, for WSGI and ASGI."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, NoReturn

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import Http404, HttpRequest, JsonResponse, StreamingHttpResponse
from django.urls import path

from apps import options
from lockwatch.django import get_asgi_application, limit

settings.configure(
    ALLOWED_HOSTS=["*"],
    LOCKWATCH=options(),
    LOGGING={
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"console": {"class": "logging.StreamHandler"}},
        "loggers": {"django": {"handlers": ["console"]}},
    },
    MIDDLEWARE=["lockwatch.django.LockWatchMiddleware", "django.middleware.common.CommonMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="for tests",
)


def items(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({"hello": "world"})


def login(request: Any) -> JsonResponse:
    request.lockwatch.user = "alice"
    return JsonResponse({"hello": "alice"})


def health(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


def missing(_request: HttpRequest) -> NoReturn:
    raise Http404


def broken(_request: HttpRequest) -> NoReturn:
    raise RuntimeError("broken on purpose")


def state(request: Any) -> JsonResponse:
    found = request.lockwatch
    return JsonResponse(
        {"policy": found.policy, "client": found.client, "address": found.address, "failure": found.failure}
    )


def _ticks(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield b"tick"
        # The pace of the stream. Tests wait for its first tick or its end.
        time.sleep(0.02)


async def _async_ticks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"tick"
        await asyncio.sleep(0.02)


def endless(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(_async_ticks(1000) if hasattr(request, "scope") else _ticks(1000))


def whole_stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(_async_ticks(3) if hasattr(request, "scope") else _ticks(3))


async def wait(_request: HttpRequest) -> JsonResponse:
    await asyncio.sleep(60)
    return JsonResponse({})


@limit("3/minute", key=lambda request: request.headers.get("X-Account"))
def order(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({"order": "placed"})


@limit("3/minute", key=lambda request: request.headers.get("X-Account"))
async def order_async(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({"order": "placed"})


urlpatterns = [
    path("items", items),
    path("login", login),
    path("health", health),
    path("missing", missing),
    path("broken", broken),
    path("state", state),
    path("endless", endless),
    path("whole-stream", whole_stream),
    path("wait", wait),
    path("orders", order),
    path("orders/async", order_async),
]
application = get_wsgi_application()
asgi = get_asgi_application()
