"""A FastAPI application."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, HTTPException, Request

from apps import options
from lockwatch import LockWatchMiddleware

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


@app.get("/broken")
async def broken() -> None:
    raise RuntimeError("broken on purpose")


@app.get("/state")
async def state(request: Request) -> dict[str, Any]:
    found = request.state.lockwatch
    return {"policy": found.policy, "client": found.client, "address": found.address, "failure": found.failure}
