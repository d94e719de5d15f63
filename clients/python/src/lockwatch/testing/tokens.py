"""The default answers of a stub to the token commands: every token is valid."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Sequence
from typing import Any

ACCESS_SECONDS = 900
REFRESH_SECONDS = 30 * 86_400
_SESSION = "00000000000000000000000000000001"
# What a rotation with claims keeps of a token.
_KEPT = ("sub", "aud", "sid")


class StubTokens:
    """Issues tokens that look like the module's. Remembers who holds the refresh tokens."""

    def __init__(self) -> None:
        self._issued = 0
        self._payloads: dict[str, dict[str, Any]] = {}

    def answer(self, words: Sequence[str]) -> Any:  # noqa: ANN401  # a reply is anything
        """The reply to a command; None if it is none of tokens."""
        fixed = {"LW.CLAIMS": 1, "LW.REVOKE": 1, "LW.REVOKEALL": 1, "LW.SESSIONS": [], "LW.JWKS": b'{"keys":[]}'}
        name, arguments = words[0], words[1:]
        if name == "LW.ISSUE":
            return self._issue(arguments[1], _options(arguments[2:]))
        if name == "LW.ROTATE":
            held = self._payloads.get(arguments[1], {})
            if (given := _options(arguments[2:]).get("CLAIMS")) is not None:
                held = {**json.loads(given[0]), **{name: held[name] for name in _KEPT if name in held}}
            return self._issue(held.get("sub", "stub"), {"CLAIMS": [json.dumps(held)]})
        if name in ("LW.VERIFY", "LW.INTROSPECT"):
            active = {"active": True} if name == "LW.INTROSPECT" else {}
            return json.dumps({**active, **_payload(arguments[1])}).encode()
        return fixed.get(name)

    def _issue(self, subject: str, options: dict[str, list[str]]) -> list[Any]:
        self._issued += 1
        now = int(time.time())
        claims = json.loads(options.get("CLAIMS", ["{}"])[0])
        audience = options.get("AUDIENCE", [claims.get("aud", "stub")])
        payload = {
            **claims,
            "iss": "stub",
            "sub": subject,
            "aud": audience if len(audience) > 1 else audience[0],
            "iat": now,
            "exp": now + ACCESS_SECONDS,
            "jti": f"{self._issued:032x}",
            "sid": claims.get("sid", _SESSION),
        }
        refresh = f"stub-refresh-{self._issued}"
        self._payloads[refresh] = payload
        until = None if options.get("REFRESHTTL") == ["0"] else (now + REFRESH_SECONDS) * 1000
        return [
            _token(payload).encode(),
            None if until is None else refresh.encode(),
            payload["exp"] * 1000,
            until,
            payload["sid"].encode(),
        ]


def _options(words: Sequence[str]) -> dict[str, list[str]]:
    """The values of each option: AUDIENCE may be given several times."""
    options: dict[str, list[str]] = {}
    for name, value in zip(words[::2], words[1::2], strict=True):
        options.setdefault(name, []).append(value)
    return options


def _token(payload: dict[str, Any]) -> str:
    parts = ({"alg": "EdDSA", "typ": "JWT", "kid": "stub"}, payload)
    return ".".join(
        (*(_encoded(json.dumps(part, separators=(",", ":")).encode()) for part in parts), _encoded(bytes(64)))
    )


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _payload(token: str) -> dict[str, Any]:
    """The payload of a token; claims of "stub" for a text that is none."""
    now = int(time.time())
    known = {"sub": "stub", "iat": now, "exp": now + ACCESS_SECONDS, "jti": "stub", "sid": _SESSION}
    try:
        part = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError):
        found = None
    return {**known, **found} if isinstance(found, dict) else known
