"""Patterns of methods and paths: `POST /login`, `/v1/items/{id}`, `/static/**`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import ConfigurationError

_PATTERN = re.compile(r"(?:([A-Za-z]+(?:,[A-Za-z]+)*) +)?(/\S*)")
_PARAMETER = re.compile(r"\*|\{[^{}/]*\}")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern, ready to be matched."""

    methods: frozenset[str]
    """Empty for any."""
    expression: re.Pattern[str]

    def matches(self, method: str, path: str) -> bool:
        """Whether a request is meant."""
        return (not self.methods or method in self.methods) and self.expression.fullmatch(path) is not None


def lenient(text: str) -> Pattern:
    """A pattern for `tidied` paths: other letters' case evades no policy."""
    methods, path = _parts(text)
    return Pattern(methods, _expression(tidied(path), re.IGNORECASE))


def strict(text: str) -> Pattern:
    """A pattern that matches to the letter, for what is to be exempt."""
    methods, path = _parts(text)
    return Pattern(methods, _expression(path, re.RegexFlag(0)))


def tidied(path: str) -> str:
    """A path without what routers overlook: a line break at the end, doubled slashes, and one slash at the end."""
    # The `$` of a router's regular expression matches in front of it.
    path = path.removesuffix("\n")
    if "//" in path:
        path = re.sub("/{2,}", "/", path)
    return path.rstrip("/") or "/" if path.endswith("/") else path


def has_dots(path: str) -> bool:
    """Whether a path has segments that may lead out of where it seems to be."""
    return "/." in path and any(segment in (".", "..") for segment in path.split("/"))


def name_of(text: str) -> str:
    """The name of a policy that has none: `post-login` for `POST /login`."""
    return re.sub(r"[^a-z0-9_.]+", "-", text.lower()).strip("-") or "root"


def _parts(text: str) -> tuple[frozenset[str], str]:
    if (parts := _PATTERN.fullmatch(text)) is None:
        raise ConfigurationError(f"{text!r} is not a pattern: write '/path' or 'POST,PUT /path'")
    methods = frozenset((parts[1] or "").upper().split(",")) - {""}
    # Where a framework has a handler for GET, it lets it answer HEAD.
    return methods | {"HEAD"} if "GET" in methods else methods, parts[2]


def _expression(path: str, flags: re.RegexFlag) -> re.Pattern[str]:
    body, rest = (path[:-3], True) if path.endswith("/**") else (path, False)
    if "**" in body:
        raise ConfigurationError(f"the path {path!r} has '**' elsewhere than at its end, as '/**'")
    if any(len(_PARAMETER.findall(segment)) > 1 for segment in body.split("/")):
        # Trying where one ends and the next begins takes the square of the path's length, or worse.
        raise ConfigurationError(f"the path {path!r} has a segment with more than one parameter")
    between = (re.escape(literal) for literal in _PARAMETER.split(body))
    return re.compile("[^/]+".join(between) + ("(?:/.*)?" if rest else ""), flags | re.DOTALL)
