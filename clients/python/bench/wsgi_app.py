"""A hello-world application in Flask: bare, behind lockwatch, or behind a sorted-set limiter of the usual kind (MODE)."""

import os
import time
import uuid
from collections.abc import Iterable
from typing import Any

import redis
from flask import Flask

from lockwatch import LockWatchFlaskMiddleware

PLENTY = 10**9
URL = os.environ["REDIS_URL"]
app = Flask(__name__)


@app.get("/")
def hello() -> dict[str, str]:
    """Answers."""
    return {"hello": "world"}


class SortedSet:
    """A member a request, in a transaction."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.redis = redis.Redis.from_url(URL)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Limits, and answers."""
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


match os.environ["MODE"]:
    case "sorted-set":
        app.wsgi_app = SortedSet(app.wsgi_app)
    case "lockwatch-limit":
        app.wsgi_app = LockWatchFlaskMiddleware(
            app.wsgi_app, redis_url=URL, rate_limit_requests=PLENTY, burst_threshold=None, audit=False
        )
    case "lockwatch":
        app.wsgi_app = LockWatchFlaskMiddleware(
            app.wsgi_app, redis_url=URL, rate_limit_requests=PLENTY, burst_threshold=PLENTY
        )
