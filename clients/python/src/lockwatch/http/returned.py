"""What functions of the application return in place of options: limits and a cost."""

from __future__ import annotations

from typing import Any

from ..errors import ConfigurationError
from ..limits import Limit, parse_limits
from .policies import check_cost


def returned_limits(option: str, returned: Any) -> tuple[Limit, ...] | None:  # noqa: ANN401  # the application's
    """The limits that the function given as `option` returned; None if it returned None."""
    if returned is None:
        return None
    try:
        return parse_limits(returned)
    except (ConfigurationError, TypeError, ValueError) as error:
        raise ConfigurationError(f"the function that is given as {option} returned {returned!r}: {error}") from error


def returned_cost(returned: Any) -> int:  # noqa: ANN401
    """The cost that a function returned."""
    try:
        check_cost(returned)
    except ConfigurationError as error:
        raise ConfigurationError(f"the function that is given as cost returned {returned!r}: {error}") from error
    cost: int = returned
    return cost
