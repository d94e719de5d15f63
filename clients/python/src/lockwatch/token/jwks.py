"""The public keys, for services that verify access tokens themselves."""

from __future__ import annotations

import hashlib
import json

from ..errors import LockWatchError
from ..failure_log import FailureLog
from ..flow import Client, Flow, execute
from ..http.reply import Reply
from ..tokens import jwks
from .bearer import token_failure
from .endpoints import NO_STORE

PATH = "/.well-known/jwks.json"
# Seconds. A new key should be published for longer than this before it signs.
_MAX_AGE = 300


def jwks_reply(lockwatch: Client, failures: FailureLog, if_none_match: str | None) -> Flow[Reply]:
    """The key set, or 304 if the client has it already."""
    try:
        keys = yield from execute(lockwatch, jwks())
    except LockWatchError as error:
        reply = token_failure(failures, error)
        return Reply(reply.status, reply.body, {**reply.headers, **NO_STORE})
    body = json.dumps(keys, separators=(",", ":"))
    tag = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
    headers = {"Cache-Control": f"public, max-age={_MAX_AGE}", "ETag": tag}
    known = [each.strip().removeprefix("W/") for each in (if_none_match or "").split(",")]
    if tag in known or "*" in known:
        return Reply(304, b"", headers)
    return Reply(200, body, {"Content-Type": "application/jwk-set+json", **headers})
