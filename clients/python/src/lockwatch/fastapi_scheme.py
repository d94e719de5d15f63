"""How FastAPI's documentation describes routes that need an access token."""

from __future__ import annotations

import re
from collections.abc import Iterable
from weakref import WeakKeyDictionary

from fastapi.openapi.models import HTTPBearer, OAuth2, OAuthFlowPassword, OAuthFlows

from .aio import AsyncLockWatch

# The routes of a client with the same login share a scheme, which lists the scopes of all of them.
_flows: WeakKeyDictionary[AsyncLockWatch, dict[str, OAuthFlowPassword]] = WeakKeyDictionary()


def security_scheme(
    lockwatch: AsyncLockWatch, token_url: str | None, scopes: Iterable[str]
) -> tuple[HTTPBearer | OAuth2, str]:
    """The scheme and its name: OAuth 2 with a password if the login's URL is known."""
    if token_url is None:
        return HTTPBearer(), "Bearer"
    flow = _flows.setdefault(lockwatch, {}).setdefault(token_url, OAuthFlowPassword(tokenUrl=token_url, scopes={}))
    flow.scopes.update(dict.fromkeys(scopes, ""))
    # OpenAPI allows these characters only.
    return OAuth2(flows=OAuthFlows(password=flow)), "OAuth2-" + re.sub(r"[^A-Za-z0-9._-]+", "-", token_url).strip("-")
