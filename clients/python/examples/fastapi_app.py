"""A shop's API with lockwatch in front: limits, a stricter one for signing in, tokens, and an audit log.

pip install 'lockwatch-client[fastapi]' uvicorn
REDIS_URL=redis://localhost:6379 uvicorn --no-proxy-headers fastapi_app:app

curl -i localhost:8000/items
curl -i localhost:8000/auth/login -H 'Content-Type: application/json' -d '{"user":"alice","password":"wonderland"}'
curl -i localhost:8000/orders -H "Authorization: Bearer $ACCESS_TOKEN"
"""

import hmac
import os
from typing import Annotated

from fastapi import Depends, FastAPI, Request

from lockwatch import AsyncLockWatch, Claims, LockWatchMiddleware, Policy
from lockwatch.auth import Login
from lockwatch.fastapi import auth_router, install, jwks_router, jwt_required

lw = AsyncLockWatch(os.environ.get("REDIS_URL", "redis://localhost:6379"))
app = FastAPI(title="A shop")
install(app)
app.add_middleware(
    LockWatchMiddleware,
    redis=lw,
    limits="100/minute; 2000/hour",
    burst_threshold=50,
    burst_window_seconds=10,
    routes={
        # Guessing passwords must be slow, and stay slow if Redis is away.
        "POST /auth/login": Policy(limits="5/minute; 20/hour", on_redis_failure="deny"),
        # An export takes as much of the limit as twenty other requests.
        "/export/**": Policy(cost=20),
    },
    exempt=["/health"],
)

# Yours would be in a database, as hashes.
PASSWORDS = {"alice": "wonderland", "bob": "builder"}


async def authenticate(request: Request) -> Login | None:
    try:
        given = await request.json()
        user, password = str(given["user"]), str(given["password"])
    except (ValueError, TypeError, KeyError):
        return None
    known = hmac.compare_digest(PASSWORDS.get(user, "").encode(), password.encode()) and user in PASSWORDS
    return Login(user, claims={"scope": "orders:read orders:write"}) if known else None


app.include_router(auth_router(lw, "auth", authenticate=authenticate))
app.include_router(jwks_router(lw))

reader = jwt_required(lw, "auth", "orders:read")
writer = jwt_required(lw, "auth", "orders:write")


async def who_orders(claims: Annotated[Claims, Depends(writer)], request: Request) -> None:
    request.state.subject = claims.subject


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/items")
async def items() -> list[str]:
    return ["lamp", "chair"]


@app.get("/export/items")
async def export() -> list[str]:
    return ["lamp", "chair"] * 1000


@app.get("/orders")
async def orders(claims: Annotated[Claims, Depends(reader)]) -> dict[str, str]:
    return {"orders of": claims.subject}


# Ten orders a minute for a person, wherever they come from: only known here, once the token is verified.
@app.post(
    "/orders",
    dependencies=[Depends(who_orders), Depends(lw.limit("10/minute", key=lambda request: request.state.subject))],
)
async def order() -> dict[str, str]:
    return {"order": "placed"}
