"""What a new access token says, read without verifying it: it has just come from Redis."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any


def payload_of(token: str) -> Mapping[str, Any]:
    """The claims of a JWT; none if the text is not a JWT."""
    try:
        encoded = token.split(".")[1]
        payload = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (IndexError, ValueError):
        return {}
    return payload if isinstance(payload, dict) else {}


def lifetime(payload: Mapping[str, Any], expires_at: datetime) -> int:
    """Whole seconds from the token's `iat`. Both times are those of the Redis server's clock."""
    issued_at = payload.get("iat")
    start = issued_at if isinstance(issued_at, (int, float)) else time.time()
    return max(0, int(expires_at.timestamp() - start))
