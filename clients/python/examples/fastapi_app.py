"""A shop's API with limits, a stricter limit for logins, tokens, and an audit log.

pip install './clients/python[fastapi]' uvicorn
cd clients/python/examples
REDIS_URL=redis://localhost:6379 uvicorn --no-proxy-headers fastapi_app:app

curl -i localhost:8000/items
curl -i localhost:8000/auth/login -H 'Content-Type: application/json' \
    -d '{"user":"alice","password":"wonderland"}'
curl -i localhost:8000/orders -H "Authorization: Bearer $ACCESS_TOKEN"
"""

import hmac
import os
from typing import Annotated

from fastapi import Depends, FastAPI, Request

from lockwatch import AsyncLockWatch, Claims, LockWatchMiddleware, PolicyOptions
from lockwatch.fastapi import Login, install, jwks_router, jwt_required, limit, token_router

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
        # Guessing passwords stays slow even if Redis is away.
        "POST /auth/login": PolicyOptions(limits="5/minute; 20/hour", on_redis_failure="deny"),
        # An export counts like twenty other requests.
        "/export/**": PolicyOptions(cost=20),
    },
    exempt=["/health"],
)

# A real application keeps hashes in a database.
PASSWORDS = {"alice": "wonderland", "bob": "builder"}


async def authenticate(request: Request) -> Login | None:
    try:
        given = await request.json()
        user, password = str(given["user"]), str(given["password"])
    except (ValueError, TypeError, KeyError):
        return None
    known = hmac.compare_digest(PASSWORDS.get(user, "").encode(), password.encode()) and user in PASSWORDS
    return Login(user, claims={"scope": "orders:read orders:write"}) if known else None


app.include_router(token_router(lw, "auth", authenticate=authenticate))
app.include_router(jwks_router(lw))

reader = jwt_required(lw, "auth", "orders:read")
writer = jwt_required(lw, "auth", "orders:write")


async def who_orders(claims: Annotated[Claims, Depends(writer)], request: Request) -> None:
    request.state.subject = claims.sub


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
    return {"orders of": claims.sub}


# Ten orders a minute for each person, who is known only after the token is verified.
@app.post(
    "/orders",
    dependencies=[Depends(who_orders), Depends(limit(lw, "10/minute", key=lambda request: request.state.subject))],
)
async def order() -> dict[str, str]:
    return {"order": "placed"}
