"""The refresh token in the body of a request."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

# Bytes. A longer body is treated as one without a token.
MAX_BODY = 16_384


def refresh_token_in(content_type: str | None, body: bytes) -> str | None:
    """The refresh token in a body of JSON or of a form; None if it has none."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    try:
        if kind == "application/x-www-form-urlencoded":
            token: Any = parse_qs(body.decode()).get("refresh_token", [None])[0]
        else:
            document = json.loads(body)
            token = document.get("refresh_token") if isinstance(document, dict) else None
    except (ValueError, RecursionError):
        return None
    return token if isinstance(token, str) and token else None
