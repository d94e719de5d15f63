"""A shop's API with slowapi."""

import os

from fastapi import FastAPI, HTTPException, Request, Response
from slowapi import Limiter, _rate_limit_exceeded_handler
from slowapi.errors import RateLimitExceeded
from slowapi.util import get_remote_address

ADDRESS = os.environ["REDIS_ADDRESS"]
limiter = Limiter(
    key_func=get_remote_address,
    headers_enabled=True,
    storage_uri=f"redis://{ADDRESS}",
)
app = FastAPI()
app.state.limiter = limiter
app.add_exception_handler(RateLimitExceeded, _rate_limit_exceeded_handler)  # type: ignore[arg-type]  # of slowapi

ITEMS = {1: "lamp", 2: "chair", 3: "table"}
PASSWORDS = {"alice": "wonderland"}


def account(request: Request) -> str:
    return request.headers.get("x-account", "nobody")


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/items")
@limiter.limit("200/hour")
async def items(request: Request, response: Response) -> list[str]:
    return list(ITEMS.values())


@app.get("/items/{number}")
@limiter.limit("10/second; 500/hour")
async def item(request: Request, response: Response, number: int) -> dict[str, str]:
    if number not in ITEMS:
        raise HTTPException(404)
    return {"name": ITEMS[number]}


@app.post("/login")
@limiter.limit("5/minute")
async def login(request: Request, response: Response, user: str, password: str) -> dict[str, str]:
    if PASSWORDS.get(user) != password:
        raise HTTPException(401)
    return {"hello": user}


@app.post("/orders")
@limiter.limit("10/minute", key_func=account)
def order(request: Request, response: Response) -> dict[str, str]:
    return {"order": "placed"}
