"""The limits that counted a request, so that two of them never count it under one key."""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableMapping
from typing import Any

from ..errors import ConfigurationError
from ..flow import Flow

_MEMBER = "lockwatch.counted"


class Counted:
    """The Redis keys that a request was counted under."""

    __slots__ = ("_named", "_outcomes", "_policies")

    def __init__(self) -> None:
        # The outcome of the limit at each key; None for a key of a middleware.
        self._outcomes: dict[str, Any] = {}
        self._policies: set[tuple[int, str]] = set()
        # The limits of a name, in the order in which the request reached them. Most requests reach
        # none.
        self._named: dict[str, list[object]] | None = None

    @classmethod
    def of(cls, members: MutableMapping[str, Any]) -> Counted:
        """The record in a scope or environ, for a request that no middleware has seen."""
        counted = members.get(_MEMBER)
        if not isinstance(counted, cls):
            counted = members[_MEMBER] = cls()
        return counted

    def enters(self, owner: object, policy: str) -> bool:
        """Whether a middleware evaluates this policy for the request for the first time."""
        policies, entered = self._policies, (id(owner), policy)
        if entered in policies:
            return False
        policies.add(entered)
        return True

    def claim(self, key: str) -> bool:
        """Returns False if the request was counted under the key already."""
        if key in self._outcomes:
            return False
        self._outcomes[key] = None
        return True

    def once(self, key: str, count: Callable[[], Flow[Any]]) -> Flow[Any]:
        """Calls `count` unless the request was counted under the key. Returns the outcome.

        The outcome is that of the earlier call if there was one, or None while that call runs.
        """
        if self.claim(key):
            self._outcomes[key] = yield from count()
        return self._outcomes[key]

    def add_all(self, keys: Iterable[str]) -> None:
        """Records the keys of a middleware, of which none may be that of another middleware."""
        for key in keys:
            if not self.claim(key):
                # Without the client, which may be a secret of the application.
                policy = key.rpartition("}:")[2]
                raise ConfigurationError(
                    f"two middlewares would count one request under the same key of the policy {policy!r}: "
                    "give the inner one a service= or key_prefix= of its own"
                )

    def name_of(self, key_of: Callable[[str], str], name: str, owner: object, *, given: bool) -> tuple[str, str]:
        """The name in the key of a limit, and in headers.

        The second limit of a derived name gets the number 2, whatever the clients of the two are
        and whether the first applied. A given name is the application's to change. `key_of` makes a
        key of a name, without a client.
        """
        if self._named is None:
            self._named = {}
        owners = self._named.setdefault(key_of(name), [])
        if not any(each is owner for each in owners):
            owners.append(owner)
        number = 1 + next(at for at, each in enumerate(owners) if each is owner)
        if number == 1:
            return name, name
        if given:
            raise ConfigurationError(
                f"two limits on one request are called {name!r}, and could share a counter: "
                f"give one another name, limit(…, name='{name}-2'), or leave the name out"
            )
        return f"{name}:{number}", f"{name}-{number}"
