"""Whose request it is: the part of a key between the braces."""

from __future__ import annotations

import hashlib

_LONGEST = 128


def of_key(key: object) -> str | None:
    """The client that a key function names, or None if it names none. A long name becomes a digest: keys stay small."""
    text = "" if key is None else str(key)
    if not text:
        return None
    encoded = text.encode("utf-8", "surrogatepass")
    return f"key:{text}" if len(encoded) <= _LONGEST else f"long:{_digest(encoded)}"


def of_credential(header: str, value: str) -> str | None:
    """The client that presents a credential, or None without one. What it presents stays out of the key."""
    value = value.strip()
    if not value:
        return None
    if header == "authorization":
        # The scheme has no case, and space around the token means nothing: one credential must not count as many.
        scheme, *token = value.split(maxsplit=1)
        value = f"{scheme.lower()} {token[0]}" if token else value
    return f"cred:{_digest(value.encode('utf-8', 'surrogatepass'))}"


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:32]
