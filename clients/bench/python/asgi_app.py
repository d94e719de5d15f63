"""A hello-world application in FastAPI, behind the limiter that the variable MODE names."""

import os
from typing import Any

import lockwatch.limits_storage  # noqa: F401  # registers the scheme lockwatch://
from fastapi import FastAPI, Request
from lockwatch import AsyncLockWatch, LockWatchMiddleware
from public_link import AsyncPublicLink
from slowapi import Limiter
from slowapi.util import get_remote_address

PLENTY = 10**9
URL, MODE = os.environ["REDIS_URL"], os.environ["MODE"]
# After a timeout the request would go on, and its measurement would be one without a limiter.
PATIENT: dict[str, Any] = {"connect_timeout": 10, "command_timeout": 10, "service": "bench"}
STORAGE: dict[str, Any] = {"connect_timeout": 10, "command_timeout": 10}
LIMIT_ALONE: dict[str, Any] = {"rate_limit_requests": PLENTY, "burst_threshold": None, "audit": False}
ALL: dict[str, Any] = {"rate_limit_requests": PLENTY, "burst_threshold": PLENTY}

app = FastAPI()


async def hello(request: Request) -> dict[str, str]:
    """A fixed answer."""
    return {"hello": "world"}


if MODE.startswith("peer"):
    ours = {"storage_uri": URL.replace("redis://", "lockwatch://"), "storage_options": STORAGE}
    storage: dict[str, Any] = ours if MODE == "peer-store" else {"storage_uri": URL}
    app.state.limiter = Limiter(key_func=get_remote_address, strategy="moving-window", **storage)
    hello = app.state.limiter.limit(f"{PLENTY}/minute")(hello)

app.get("/")(hello)

match MODE:
    case "lockwatch-limit":
        app.add_middleware(LockWatchMiddleware, redis=AsyncLockWatch(URL, **PATIENT), **LIMIT_ALONE)
    case "lockwatch":
        app.add_middleware(LockWatchMiddleware, redis=AsyncLockWatch(URL, **PATIENT), **ALL)
    case "pipeline-limit":
        app.add_middleware(LockWatchMiddleware, redis=AsyncPublicLink(URL, batch=False), **LIMIT_ALONE)
    case "batched-limit":
        app.add_middleware(LockWatchMiddleware, redis=AsyncPublicLink(URL, batch=True), **LIMIT_ALONE)
