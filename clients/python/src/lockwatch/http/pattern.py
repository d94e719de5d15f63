"""Patterns of routes, `[METHOD[,METHOD…] ]/path`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import ConfigurationError

_PATTERN = re.compile(r"(?:([A-Za-z]+(?:,[A-Za-z]+)*) +)?(/\S*)")
_PARAMETER = re.compile(r"\*|\{[^{}/]*\}")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A parsed pattern."""

    methods: frozenset[str]
    """Empty for any method."""
    expression: re.Pattern[str]

    def matches(self, method: str, path: str) -> bool:
        """Whether the pattern matches a request."""
        return (not self.methods or method in self.methods) and self.expression.fullmatch(path) is not None


def lenient_pattern(text: str) -> Pattern:
    """A pattern for the result of `lenient_path`.

    It ignores case, so that other spellings do not evade a policy.
    """
    methods, path = _parts(text)
    return Pattern(methods, _expression(lenient_path(path), re.IGNORECASE))


def exact_pattern(text: str) -> Pattern:
    """A pattern that matches exactly, so that other spellings do not become exempt."""
    methods, path = _parts(text)
    return Pattern(methods, _expression(path, re.RegexFlag(0)))


def lenient_path(path: str) -> str:
    """A path without a line break or slash at the end and doubled slashes, as routers match."""
    # The `$` of a router's regular expression matches before a line break at the end.
    path = path.removesuffix("\n")
    if "//" in path:
        path = re.sub("/{2,}", "/", path)
    return path.rstrip("/") or "/" if path.endswith("/") else path


def has_dot_segments(path: str) -> bool:
    """Whether a path has segments `.` or `..`, which may lead elsewhere."""
    return "/." in path and any(segment in (".", "..") for segment in path.split("/"))


def _parts(text: str) -> tuple[frozenset[str], str]:
    if (parts := _PATTERN.fullmatch(text)) is None:
        raise ConfigurationError(f"{text!r} is not a pattern: write '/path' or 'POST,PUT /path'")
    methods = frozenset((parts[1] or "").upper().split(",")) - {""}
    # Frameworks let a handler for GET answer HEAD.
    return methods | {"HEAD"} if "GET" in methods else methods, parts[2]


def _expression(path: str, flags: re.RegexFlag) -> re.Pattern[str]:
    body, has_rest = (path[:-3], True) if path.endswith("/**") else (path, False)
    if "**" in body:
        raise ConfigurationError(f"the path {path!r} has '**' elsewhere than at its end, as '/**'")
    if any(len(_PARAMETER.findall(segment)) > 1 for segment in body.split("/")):
        # Matching would take quadratic time in the length of the path, or worse.
        raise ConfigurationError(f"the path {path!r} has a segment with more than one parameter")
    literals = (re.escape(literal) for literal in _PARAMETER.split(body))
    return re.compile("[^/]+".join(literals) + ("(?:/.*)?" if has_rest else ""), flags | re.DOTALL)
