"""Credentials and refresh tokens in the body of a request."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

# Bytes. A longer body is treated as one without members.
MAX_BODY = 16_384


def members_of(content_type: str | None, body: bytes) -> dict[str, Any]:
    """The members of a body of JSON or of a form; none if it is neither, or too long."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    if len(body) > MAX_BODY:
        return {}
    try:
        if kind == "application/x-www-form-urlencoded":
            return {name: values[0] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def refresh_token_in(members: dict[str, Any]) -> str | None:
    """The refresh token among the members; None if there is none."""
    token = members.get("refresh_token")
    return token if isinstance(token, str) and token else None
