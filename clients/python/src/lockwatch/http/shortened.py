"""Bounds for texts that a request brings along, which other calls in its batch would wait for."""

from __future__ import annotations

import hashlib

# More than the server keeps of any text.
MAX_BYTES = 4096
# No character has more bytes in UTF-8.
_MAX_CHARACTER = 4


def shortened(text: str) -> str:
    """A text without what the server would cut off anyway."""
    if len(text) * _MAX_CHARACTER <= MAX_BYTES:
        return text
    return shortened_bytes(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")


def shortened_bytes(text: bytes) -> bytes:
    """The same for bytes. A character in UTF-8 stays whole or is left out."""
    return _cut(text, MAX_BYTES)


def shortened_name(text: str) -> str:
    """The beginning of a name, and a digest that tells it from others with the same beginning."""
    if len(text) * _MAX_CHARACTER <= MAX_BYTES:
        return text
    encoded = text.encode("utf-8", "surrogatepass")
    if len(encoded) <= MAX_BYTES:
        return text
    digest = hashlib.sha256(encoded).hexdigest()[:32]
    return _cut(encoded, MAX_BYTES - len(digest)).decode("utf-8", "surrogatepass") + digest


def _cut(text: bytes, size: int) -> bytes:
    if len(text) <= size:
        return text
    end = size
    while end > size - _MAX_CHARACTER and 0x80 <= text[end] < 0xC0:
        end -= 1
    return text[:end]
