"""The client's address behind the middleware, where it has found it, or without a middleware."""

from __future__ import annotations

from .address import Address, peer_address
from .state import LockWatchState
from .trusted_proxies import parse_peer


def limited_address(state: LockWatchState | None, peer: str | None) -> Address | None:
    """The address that a limit counts; None for the peer of a Unix socket that is trusted.

    Raises ConfigurationError if there is no middleware and the peer has no address.
    """
    if state is None:
        return parse_peer(peer, trusts_unix=False)
    return None if state.address is None else peer_address(state.address)


def session_address(state: LockWatchState | None, peer: str | None) -> str | None:
    """The address that is kept with a session; None if it is not known."""
    if state is not None:
        return state.address
    address = peer_address(peer or "")
    return None if address is None else str(address)
