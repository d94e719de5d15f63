"""A FastAPI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, HTTPException, Request, WebSocket
from fastapi.responses import StreamingResponse

from apps import options
from lockwatch import LockWatchMiddleware, message_limit

app = FastAPI()
app.add_middleware(LockWatchMiddleware, **options())


@app.get("/items")
async def items() -> dict[str, str]:
    return {"hello": "world"}


@app.post("/login")
async def login(request: Request) -> dict[str, str]:
    request.state.lockwatch.user = "alice"
    return {"hello": "alice"}


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/missing")
async def missing() -> None:
    raise HTTPException(404, "no such thing")


@app.get("/wait")
async def wait() -> None:
    await asyncio.sleep(1)


async def _ticks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"tick"
        # The pace of the stream. Tests wait for its first tick or its end.
        await asyncio.sleep(0.02)


@app.get("/endless")
async def endless() -> StreamingResponse:
    return StreamingResponse(_ticks(1000))


@app.get("/whole-stream")
async def whole_stream() -> StreamingResponse:
    return StreamingResponse(_ticks(3))


@app.get("/broken")
async def broken() -> None:
    raise RuntimeError("broken on purpose")


@app.websocket("/live")
async def live(websocket: WebSocket) -> None:
    await websocket.accept()
    limit = message_limit("3/hour")
    async for message in websocket.iter_text():
        await websocket.send_text(message if limit.allow() else "too many")


@app.get("/state")
async def state(request: Request) -> dict[str, Any]:
    found = request.state.lockwatch
    return {"policy": found.policy, "client": found.client, "address": found.address, "failure": found.failure}
