"""A Starlette application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from apps import options
from lockwatch import LockWatchMiddleware


async def items(_request: Request) -> Response:
    return JSONResponse({"hello": "world"})


async def login(request: Request) -> Response:
    request.state.lockwatch.user = "alice"
    return JSONResponse({"hello": "alice"})


async def health(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def missing(_request: Request) -> Response:
    raise HTTPException(404, "no such thing")


async def wait(_request: Request) -> Response:
    await asyncio.sleep(1)
    return JSONResponse("waited")


async def _ticks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"tick"
        # The pace of the stream. Tests wait for its first tick or its end.
        await asyncio.sleep(0.02)


async def endless(_request: Request) -> Response:
    return StreamingResponse(_ticks(1000))


async def whole_stream(_request: Request) -> Response:
    return StreamingResponse(_ticks(3))


async def broken(_request: Request) -> Response:
    raise RuntimeError("broken on purpose")


async def state(request: Request) -> Response:
    found = request.state.lockwatch
    return JSONResponse(
        {"policy": found.policy, "client": found.client, "address": found.address, "failure": found.failure}
    )


app = Starlette(
    routes=[
        Route("/items", items),
        Route("/login", login, methods=["POST"]),
        Route("/health", health),
        Route("/missing", missing),
        Route("/wait", wait),
        Route("/endless", endless),
        Route("/whole-stream", whole_stream),
        Route("/broken", broken),
        Route("/state", state),
    ],
    middleware=[Middleware(LockWatchMiddleware, **options())],
)
