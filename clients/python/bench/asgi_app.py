"""A hello-world application in FastAPI, behind the limiter that the variable MODE names."""

import os
import time
import uuid
from typing import Any

import redis.asyncio
from fastapi import FastAPI
from public_link import AsyncPublicLink
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lockwatch import LockWatchMiddleware

PLENTY = 10**9
URL = os.environ["REDIS_URL"]
app = FastAPI()


@app.get("/")
async def hello() -> dict[str, str]:
    """A fixed answer."""
    return {"hello": "world"}


class SortedSet:
    """A limiter that adds a member to a sorted set for each request, in a transaction."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.redis = redis.asyncio.Redis.from_url(URL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Limits HTTP requests."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        key, now = f"limit:{scope['client'][0]}", time.time()
        async with self.redis.pipeline(transaction=True) as calls:
            calls.zremrangebyscore(key, 0, now - 60)
            calls.zcard(key)
            calls.zadd(key, {str(uuid.uuid4()): now})
            calls.expire(key, 60)
            used = (await calls.execute())[1]

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                remaining = (b"x-ratelimit-remaining", str(PLENTY - used).encode())
                message["headers"] = [*message["headers"], remaining]
            await send(message)

        await self.app(scope, receive, headed)


LIMIT_ALONE: dict[str, Any] = {"rate_limit_requests": PLENTY, "burst_threshold": None, "audit": False}
ALL: dict[str, Any] = {"rate_limit_requests": PLENTY, "burst_threshold": PLENTY}

match os.environ["MODE"]:
    case "sorted-set":
        app.add_middleware(SortedSet)
    case "lockwatch-limit":
        app.add_middleware(LockWatchMiddleware, redis_url=URL, **LIMIT_ALONE)
    case "lockwatch":
        app.add_middleware(LockWatchMiddleware, redis_url=URL, **ALL)
    case "pipeline-limit":
        app.add_middleware(LockWatchMiddleware, redis=AsyncPublicLink(URL, batch=False), **LIMIT_ALONE)
    case "pipeline":
        app.add_middleware(LockWatchMiddleware, redis=AsyncPublicLink(URL, batch=False), **ALL)
    case "batched-limit":
        app.add_middleware(LockWatchMiddleware, redis=AsyncPublicLink(URL, batch=True), **LIMIT_ALONE)
    case "batched":
        app.add_middleware(LockWatchMiddleware, redis=AsyncPublicLink(URL, batch=True), **ALL)
