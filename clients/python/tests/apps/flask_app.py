"""A Flask application."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, NoReturn

from flask import Flask, Response, abort, request

from apps import options
from lockwatch import LockWatchWSGIMiddleware

app = Flask(__name__)
app.wsgi_app = LockWatchWSGIMiddleware(app.wsgi_app, **options())  # type: ignore[method-assign]


@app.get("/items")
def items() -> dict[str, str]:
    return {"hello": "world"}


@app.post("/login")
def login() -> dict[str, str]:
    request.environ["lockwatch"].user = "alice"
    return {"hello": "alice"}


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/missing")
def missing() -> NoReturn:
    abort(404)


def _ticks(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield b"tick"
        # The pace of the stream. Tests wait for its first tick or its end.
        time.sleep(0.02)


@app.get("/endless")
def endless() -> Response:
    return Response(_ticks(1000))


@app.get("/whole-stream")
def whole_stream() -> Response:
    return Response(_ticks(3))


@app.get("/broken")
def broken() -> NoReturn:
    raise RuntimeError("broken on purpose")


@app.get("/state")
def state() -> dict[str, Any]:
    found = request.environ["lockwatch"]
    return {"policy": found.policy, "client": found.client, "address": found.address, "failure": found.failure}
