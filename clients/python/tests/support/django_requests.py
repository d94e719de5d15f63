"""Requests to views of Django in this process, with a stub in place of Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any
from urllib.parse import unquote

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse
from django.test import AsyncRequestFactory, RequestFactory, override_settings

ADMITTED = [0, 9, 8, 0, 60_000]
DENIED = [1, 9, 0, 12_000, 60_000]


@contextmanager
def settings(stub: Any = None, **options: Any) -> Iterator[None]:
    given = {"redis_url": "redis://localhost"} if stub is None else {"redis": stub}
    with override_settings(LOCKWATCH={**given, "burst_threshold": None, "audit": False, **options}):
        yield


def answer(request: Any) -> HttpResponse:
    return HttpResponse("hello")


async def answer_async(request: Any) -> HttpResponse:
    return HttpResponse("hello")


def get(view: Callable[..., Any], path: str = "/items", **headers: str) -> Any:
    return view(RequestFactory().get(path, REMOTE_ADDR="203.0.113.9", headers=headers))


def asgi_request(path: str = "/items", **headers: str) -> ASGIRequest:
    request = AsyncRequestFactory().get(path, headers=headers)
    # The factory does not decode the path as servers do.
    path = unquote(path.partition("?")[0])
    return ASGIRequest({**request.scope, "path": path, "client": ("203.0.113.9", 1)}, BytesIO())


def get_async(view: Callable[..., Any], path: str = "/items", **headers: str) -> Any:
    async def ask() -> Any:
        return await view(asgi_request(path, **headers))

    return asyncio.run(ask())


def keys(stub: Any, command: str = "LW.RATELIMIT") -> list[str]:
    return [str(call[1]) for call in stub.called(command)]
