"""A shop's API with limits, a stricter limit for logins, tokens, and an audit log.

pip install './clients/python[flask]' gunicorn
cd clients/python/examples
REDIS_URL=redis://localhost:6379 gunicorn --workers 2 --threads 4 flask_app:app

curl -i localhost:8000/items
curl -i localhost:8000/auth/login -H 'Content-Type: application/json' \
    -d '{"user":"alice","password":"wonderland"}'
curl -i localhost:8000/orders -H "Authorization: Bearer $ACCESS_TOKEN"
"""

import hmac
import os
from typing import Any

from flask import Flask, g, request

from lockwatch import LockWatch, LockWatchWSGIMiddleware, PolicyOptions
from lockwatch.flask import Login, jwks_blueprint, jwt_required, limit, token_blueprint

lw = LockWatch(os.environ.get("REDIS_URL", "redis://localhost:6379"))
app = Flask(__name__)
app.wsgi_app = LockWatchWSGIMiddleware(  # type: ignore[method-assign]
    app.wsgi_app,
    redis=lw,
    limits="100/minute; 2000/hour",
    burst_threshold=50,
    burst_window_seconds=10,
    routes={
        # Guessing passwords stays slow even if Redis is away.
        "POST /auth/login": PolicyOptions(limits="5/minute; 20/hour", on_redis_failure="deny"),
        # An export counts like twenty other requests.
        "/export/**": PolicyOptions(cost=20),
    },
    exempt=["/health"],
)

# A real application keeps hashes in a database.
PASSWORDS = {"alice": "wonderland", "bob": "builder"}


def authenticate() -> Login | None:
    given: Any = request.get_json(silent=True)
    try:
        user, password = str(given["user"]), str(given["password"])
    except (TypeError, KeyError):
        return None
    known = hmac.compare_digest(PASSWORDS.get(user, "").encode(), password.encode()) and user in PASSWORDS
    return Login(user, claims={"scope": "orders:read orders:write"}) if known else None


app.register_blueprint(token_blueprint(lw, "auth", authenticate=authenticate))
app.register_blueprint(jwks_blueprint(lw))


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/items")
def items() -> list[str]:
    return ["lamp", "chair"]


@app.get("/export/items")
def export() -> list[str]:
    return ["lamp", "chair"] * 1000


@app.get("/orders")
@jwt_required(lw, "auth", "orders:read")
def orders() -> dict[str, str]:
    return {"orders of": g.claims.sub}


# Ten orders a minute for each person, who is known only after the token is verified.
@app.post("/orders")
@jwt_required(lw, "auth", "orders:write")
@limit(lw, "10/minute", key=lambda: g.claims.sub)
def order() -> dict[str, str]:
    return {"order": "placed"}
