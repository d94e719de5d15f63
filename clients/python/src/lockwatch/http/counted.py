"""The limits that counted a request, so that two of them never count it under one key."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from typing import Any

from ..errors import ConfigurationError

_MEMBER = "lockwatch.counted"


class Counted:
    """The Redis keys that a request was counted under, each with its limit and the outcome."""

    def __init__(self) -> None:
        self._owners: dict[str, object] = {}
        self._outcomes: dict[str, Any] = {}

    @classmethod
    def of(cls, members: MutableMapping[str, Any]) -> Counted:
        """The record in a scope or environ, for a request that no middleware has seen."""
        counted = members.get(_MEMBER)
        if not isinstance(counted, cls):
            counted = members[_MEMBER] = cls()
        return counted

    def owner(self, key: str) -> object | None:
        """The limit that counted the request under a key."""
        return self._owners.get(key)

    def has(self, owner: object) -> bool:
        """Whether a limit has counted the request."""
        return any(other is owner for other in self._owners.values())

    def add(self, key: str, owner: object) -> None:
        """Records that a limit counts the request under a key."""
        self._owners[key] = owner

    def finish(self, key: str, outcome: Any) -> Any:  # noqa: ANN401  # of either kind of limit
        """Keeps the outcome of a limit for the case that the same limit is reached again."""
        self._outcomes[key] = outcome
        return outcome

    def outcome(self, key: str) -> Any:  # noqa: ANN401  # of either kind of limit
        """The outcome of the limit that counted under a key."""
        return self._outcomes.get(key)

    def add_all(self, keys: Iterable[str], owner: object) -> None:
        """Records the keys of a middleware, of which none may be that of another middleware."""
        for key in keys:
            if key in self._owners:
                raise ConfigurationError(
                    f"two middlewares would count one request under the same key of the policy "
                    f"{key.rpartition('}:')[2]!r}: "
                    "give the inner one a service= or key_prefix= of its own"
                )
            self._owners[key] = owner

    def free_name(self, key_of: Any, name: str, owner: object, *, given: bool) -> tuple[str, str]:  # noqa: ANN401
        """The key and the header's name of a limit: the first that no other limit has counted.

        `key_of` makes the key of a name. A derived name gets a number; a given name is the
        application's to change.
        """
        number = 1
        while True:
            suffix = "" if number == 1 else str(number)
            key: str = key_of(f"{name}:{suffix}" if suffix else name)
            other = self._owners.get(key)
            if other is None or other is owner:
                return key, f"{name}-{suffix}" if suffix else name
            if given:
                raise ConfigurationError(
                    f"two limits on one request are called {name!r}, and would share a counter: "
                    f"give one another name, limit(…, name='{name}-2'), or leave the name out"
                )
            number += 1
