"""A FastAPI application with route limits and tokens."""

from __future__ import annotations

import os
from typing import Annotated

from fastapi import Depends, FastAPI, Request, Response

from apps import options
from lockwatch import ADDRESS, AsyncLockWatch, Claims, LockWatchMiddleware
from lockwatch.fastapi import CookieOptions, Login, install, jwks_router, jwt_required, limit, token_router

settings = options()
lw = AsyncLockWatch(settings["redis_url"], connect_timeout=5, command_timeout=5)


def account(request: Request) -> object:
    return request.headers.get("x-account") or ADDRESS


async def authenticate(request: Request) -> Login | None:
    given = await request.json()
    if given.get("password") != "correct horse":
        return None
    claims = {"scope": given.get("scope", "")}
    return Login(given["user"], claims=claims, audience=given.get("audience"), meta={"agent": "test"})


reader = jwt_required(lw, "auth", "items:read")
app = FastAPI()
if "BARE" not in os.environ:
    install(app)
    app.add_middleware(LockWatchMiddleware, redis=lw, exempt=["/health"])
app.include_router(token_router(lw, "auth", authenticate=authenticate))
app.include_router(
    token_router(lw, "auth", authenticate=authenticate, prefix="/web", cookie=CookieOptions(["https://app.example"]))
)
app.include_router(jwks_router(lw))


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/transfer", dependencies=[Depends(limit(lw, "2/hour", key=account))])
async def transfer() -> dict[str, str]:
    return {"transfer": "made"}


@app.get("/orders/{order}", dependencies=[Depends(limit(lw, "2/hour", name="orders", on_redis_failure="deny"))])
async def order(order: int) -> dict[str, int]:
    return {"order": order}


@app.get("/raw", dependencies=[Depends(limit(lw, "9/hour"))])
async def raw() -> Response:
    return Response("raw")


@app.get("/items")
async def items(claims: Annotated[Claims, Depends(reader)]) -> dict[str, str]:
    return {"subject": claims.sub, "session": claims.sid}
