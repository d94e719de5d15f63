"""How names and passwords are sent to a guard."""

from __future__ import annotations

import hashlib
import hmac
import unicodedata

from .errors import ConfigurationError
from .redis.connection import Arg

# A guard compares the digest with the last four of a pair, so it needs no more.
_DIGEST_BYTES = 8


def user_argument(user: Arg | int | None, *, normalize: bool = True) -> Arg | None:
    """A user as an argument of a command; None for no user, and for a name without characters."""
    if user is None or isinstance(user, bytes):
        return user or None
    if isinstance(user, bool) or not isinstance(user, (str, int)):
        raise ConfigurationError(f"user is a {type(user).__name__}: expected a text, a number, or None")
    text = str(user)
    return (normalized(text) if normalize else text) or None


def normalized(name: str) -> str:
    """A name in the one spelling that is sent: NFKC, trimmed, case-folded.

    So `Alice`, ` alice` and the full-width spelling of it are one user.
    """
    return unicodedata.normalize("NFKC", name).strip().casefold()


def password_digest(key: bytes, password: str | bytes) -> str:
    """The VALUE for a password: 16 hexadecimal digits of HMAC-SHA256."""
    encoded = password.encode("utf-8", "surrogatepass") if isinstance(password, str) else password
    return hmac.new(key, encoded, hashlib.sha256).digest()[:_DIGEST_BYTES].hex()
