"""What the token routes read of a request of FastAPI."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from .asgi import routed_path
from .asgi_response import Scope
from .token.body import MAX_BODY, members_of

_MEMBERS = "lockwatch.credentials"


async def credentials(request: Request) -> dict[str, Any]:
    """The members of the request's body, which is JSON or a form: `username`, `password`.

    Empty if the body is neither, or longer than 16 KiB.
    """
    members: dict[str, Any] | None = request.scope.get(_MEMBERS)
    if members is None:
        members = request.scope[_MEMBERS] = await _read(request)
    return members


async def _read(request: Request) -> dict[str, Any]:
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                return {}
    except RuntimeError:
        # A dependency has read the stream. If it parsed a form, Starlette has kept that.
        return dict(await request.form())
    return members_of(request.headers.get("content-type"), body)


def full_path(scope: Scope) -> str:
    """The path with the root path in front, which Starlette's own may have or not."""
    return str(scope.get("root_path", "")).rstrip("/") + routed_path(scope)
