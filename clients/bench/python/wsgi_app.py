"""A hello-world application in Flask, behind the limiter that the variable MODE names."""

import os
from typing import Any

import lockwatch.limits_storage  # noqa: F401  # registers the scheme lockwatch://
from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from lockwatch import LockWatch, LockWatchWSGIMiddleware
from public_link import PublicLink

PLENTY = 10**9
URL, MODE = os.environ["REDIS_URL"], os.environ["MODE"]
# After a timeout the request would go on, and its measurement would be one without a limiter.
PATIENT: dict[str, Any] = {"connect_timeout": 10, "command_timeout": 10, "service": "bench"}
STORAGE: dict[str, Any] = {"connect_timeout": 10, "command_timeout": 10}
LIMIT_ALONE: dict[str, Any] = {"rate_limit_requests": PLENTY, "burst_threshold": None, "audit": False}
ALL: dict[str, Any] = {"rate_limit_requests": PLENTY, "burst_threshold": PLENTY}

app = Flask(__name__)


@app.get("/")
def hello() -> dict[str, str]:
    """A fixed answer."""
    return {"hello": "world"}


if MODE.startswith("peer"):
    ours = {"storage_uri": URL.replace("redis://", "lockwatch://"), "storage_options": STORAGE}
    storage: dict[str, Any] = ours if MODE == "peer-store" else {"storage_uri": URL}
    Limiter(get_remote_address, app=app, strategy="moving-window", default_limits=[f"{PLENTY}/minute"], **storage)

match MODE:
    case "lockwatch-limit":
        app.wsgi_app = LockWatchWSGIMiddleware(app.wsgi_app, redis=LockWatch(URL, **PATIENT), **LIMIT_ALONE)
    case "lockwatch":
        app.wsgi_app = LockWatchWSGIMiddleware(app.wsgi_app, redis=LockWatch(URL, **PATIENT), **ALL)
    case "pipeline-limit":
        app.wsgi_app = LockWatchWSGIMiddleware(app.wsgi_app, redis=PublicLink(URL), **LIMIT_ALONE)
