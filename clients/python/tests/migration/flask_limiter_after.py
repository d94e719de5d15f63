"""A shop's API with Flask-Limiter."""

import os

from flask import Flask, abort, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

import lockwatch.limits_storage  # noqa: F401  # registers the scheme

ADDRESS = os.environ["REDIS_ADDRESS"]
app = Flask(__name__)
limiter = Limiter(
    get_remote_address,
    app=app,
    default_limits=["1000 per hour"],
    headers_enabled=True,
    swallow_errors=True,
    storage_uri=f"lockwatch://{ADDRESS}",
)
ITEMS = {1: "lamp", 2: "chair", 3: "table"}
PASSWORDS = {"alice": "wonderland"}


@app.get("/health")
@limiter.exempt
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/items")
@limiter.limit("200 per hour")
def items() -> list[str]:
    return list(ITEMS.values())


@app.get("/items/<int:number>")
def item(number: int) -> dict[str, str]:
    return {"name": ITEMS[number]} if number in ITEMS else abort(404)


@app.post("/login")
@limiter.limit("5 per minute; 20 per hour")
def login() -> dict[str, str]:
    user = request.args["user"]
    return {"hello": user} if PASSWORDS.get(user) == request.args["password"] else abort(401)


@app.post("/orders")
@limiter.limit("10 per minute", key_func=lambda: request.headers.get("X-Account", "nobody"))
def order() -> dict[str, str]:
    return {"order": "placed"}
