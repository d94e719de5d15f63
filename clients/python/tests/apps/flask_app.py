"""A Flask application."""

from __future__ import annotations

from typing import Any, NoReturn

from flask import Flask, abort, request

from apps import options
from lockwatch import LockWatchFlaskMiddleware

app = Flask(__name__)
app.wsgi_app = LockWatchFlaskMiddleware(app.wsgi_app, **options())  # type: ignore[method-assign]


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


@app.get("/broken")
def broken() -> NoReturn:
    raise RuntimeError("broken on purpose")


@app.get("/state")
def state() -> dict[str, Any]:
    found = request.environ["lockwatch"]
    return {"policy": found.policy, "client": found.client, "address": found.address, "failure": found.failure}
