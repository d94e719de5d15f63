"""A Flask application with route limits and tokens."""

from __future__ import annotations

import os

from flask import Flask, Response, g, request

from apps import options
from lockwatch import ADDRESS, LockWatch, LockWatchWSGIMiddleware
from lockwatch.flask import CookieOptions, Login, jwks_blueprint, jwt_required, limit, token_blueprint

settings = options()
lw = LockWatch(settings["redis_url"], connect_timeout=5, command_timeout=5)


def account() -> object:
    return request.headers.get("x-account") or ADDRESS


def authenticate() -> Login | None:
    given = request.get_json()
    if given.get("password") != "correct horse":
        return None
    claims = {"scope": given.get("scope", "")}
    return Login(given["user"], claims=claims, audience=given.get("audience"), meta={"agent": "test"})


app = Flask(__name__)
if "BARE" not in os.environ:
    app.wsgi_app = LockWatchWSGIMiddleware(app.wsgi_app, redis=lw, exempt=["/health"])  # type: ignore[method-assign]
app.register_blueprint(token_blueprint(lw, "auth", authenticate=authenticate))
app.register_blueprint(
    token_blueprint(
        lw, "auth", authenticate=authenticate, prefix="/web", cookie=CookieOptions(["https://app.example"])
    ),
    name="web",
)
app.register_blueprint(jwks_blueprint(lw))


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/transfer")
@limit(lw, "2/hour", key=account)
def transfer() -> dict[str, str]:
    return {"transfer": "made"}


@app.get("/orders/<int:order>")
@limit(lw, "2/hour", name="orders", on_redis_failure="deny")
def order(order: int) -> dict[str, int]:
    return {"order": order}


@app.get("/raw")
@limit(lw, "9/hour")
def raw() -> Response:
    return Response("raw")


@app.get("/items")
@jwt_required(lw, "auth", "items:read")
def items() -> dict[str, str]:
    return {"subject": g.claims.sub, "session": g.claims.sid}
