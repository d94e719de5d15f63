"""What the audit event of a denied request says: which limit denied it, and whom."""

from __future__ import annotations

import re
from typing import Any

from ..limits import binding_limit
from ..ratelimit import RateLimitResult
from ..redis.records import json_argument
from .keys import client_of

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def denial_data(limit: RateLimitResult, policy: str, key: str, *, shadow: bool) -> str:
    """The DATA of a denial's event.

    The members of this JSON and their order are part of the contract.
    """
    data: dict[str, Any] = {"policy": policy, "key": key, "limit": limit.limit}
    # The windows of a policy of the server are not known.
    if limit.limits:
        seconds, rest = divmod(binding_limit(limit.limits, limit.limit).window_ms, 1000)
        data["window"] = seconds + rest / 1000 if rest else seconds
    data["retry_after"] = limit.retry_after_seconds
    data["client"] = client_of(key)
    if shadow:
        data["shadow"] = True
    # A path may hold lone surrogates, which are no UTF-8. JSON can express them as escapes.
    return _LONE_SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", json_argument(data) or "")
