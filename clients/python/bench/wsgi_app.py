"""A hello-world application in Flask, behind the limiter that the variable MODE names."""

import os
import time
import uuid
from collections.abc import Iterable
from typing import Any

import redis
from flask import Flask
from public_link import PublicLink

from lockwatch import LockWatchWSGIMiddleware

PLENTY = 10**9
URL = os.environ["REDIS_URL"]
app = Flask(__name__)


@app.get("/")
def hello() -> dict[str, str]:
    """A fixed answer."""
    return {"hello": "world"}


class SortedSet:
    """A limiter that adds a member to a sorted set for each request, in a transaction."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.redis = redis.Redis.from_url(URL)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Limits a request."""
        key, now = f"limit:{environ['REMOTE_ADDR']}", time.time()
        calls = self.redis.pipeline(transaction=True)
        calls.zremrangebyscore(key, 0, now - 60)
        calls.zcard(key)
        calls.zadd(key, {str(uuid.uuid4()): now})
        calls.expire(key, 60)
        used = calls.execute()[1]

        def headed(status: str, headers: list[tuple[str, str]], error: Any = None) -> Any:
            return start_response(status, [*headers, ("X-RateLimit-Remaining", str(PLENTY - used))], error)

        answer: Iterable[bytes] = self.app(environ, headed)
        return answer


LIMIT_ALONE: dict[str, Any] = {"rate_limit_requests": PLENTY, "burst_threshold": None, "audit": False}
ALL: dict[str, Any] = {"rate_limit_requests": PLENTY, "burst_threshold": PLENTY}

match os.environ["MODE"]:
    case "sorted-set":
        app.wsgi_app = SortedSet(app.wsgi_app)
    case "lockwatch-limit":
        app.wsgi_app = LockWatchWSGIMiddleware(app.wsgi_app, redis_url=URL, **LIMIT_ALONE)
    case "lockwatch":
        app.wsgi_app = LockWatchWSGIMiddleware(app.wsgi_app, redis_url=URL, **ALL)
    case "pipeline-limit":
        app.wsgi_app = LockWatchWSGIMiddleware(app.wsgi_app, redis=PublicLink(URL), **LIMIT_ALONE)
    case "pipeline":
        app.wsgi_app = LockWatchWSGIMiddleware(app.wsgi_app, redis=PublicLink(URL), **ALL)
