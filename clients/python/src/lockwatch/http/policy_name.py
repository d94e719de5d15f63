"""The names of policies that are derived from the patterns of routes."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
_COLON_PARAMETER = re.compile(r"\A:([A-Za-z0-9_]+)\Z")
_PLAIN_PARAMETER = re.compile(r"\{([a-z0-9_]+)\}")
_PLAIN_LITERAL = re.compile(r"[a-z0-9_][a-z0-9_.]*")
_MAX_NAME = 64
# Two hyphens and eight digits of the digest follow.
_MAX_READABLE = _MAX_NAME - 10


# A limit on a route asks for its name with each request.
@lru_cache(maxsize=4096)
def policy_name(pattern: str) -> str:
    """The name of a policy that is given none: `post-login` for `POST /login`.

    Distinct patterns have distinct names. The plain form of `_plain_name` is readable as it is;
    any other pattern is identified by a digest behind the readable part.
    """
    methods, _, path = pattern.partition("/")
    method = methods.strip().upper()
    segments = [_COLON_PARAMETER.sub(r"{\1}", segment) for segment in path.split("/")]
    if (name := _plain_name(method, segments)) is not None:
        return name
    text = f"{method} /{'/'.join(segments)}".lstrip()
    readable = re.sub(r"[^a-z0-9_.]+", "-", text.lower()).strip("-")[:_MAX_READABLE] or "root"
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{readable}--{digest}"


def _plain_name(method: str, segments: list[str]) -> str | None:
    """The parts of a pattern, joined by hyphens; None if they could be those of another pattern.

    `{id}` is written `.id`, `*` is `.`, and a final `**` is `..`. No part contains a hyphen or is
    empty.
    """
    if method and method not in _METHODS:
        return None
    parts = [method.lower()] if method else []
    if segments == [""]:
        return parts[0] if parts else "root"
    for index, segment in enumerate(segments):
        parameter = _PLAIN_PARAMETER.fullmatch(segment)
        if parameter is not None:
            parts.append(f".{parameter[1]}")
        elif segment == "*":
            parts.append(".")
        elif segment == "**" and index == len(segments) - 1:
            parts.append("..")
        elif _PLAIN_LITERAL.fullmatch(segment):
            parts.append(segment)
        else:
            return None
    name = "-".join(parts)
    is_of_another = not method and (parts[0].upper() in _METHODS or parts == ["root"])
    return None if is_of_another or len(name) > _MAX_NAME else name
