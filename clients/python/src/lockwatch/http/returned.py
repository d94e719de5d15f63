"""What functions of the application return in place of options: limits and a cost."""

from __future__ import annotations

from typing import Any

from ..errors import ConfigurationError
from ..limits import ParsedLimits, parse_limits
from ..rules import COST

# What a function returned may be text of a client, which is not to fill the log.
_MAX_SHOWN = 64


def _wrong(option: str, returned: object, error: Exception) -> ConfigurationError:
    text = repr(returned)
    shown = text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
    return ConfigurationError(
        f"the function that is given as {option} returned {shown}: {str(error)[: 3 * _MAX_SHOWN]}"
    )


def returned_limits(option: str, returned: Any) -> ParsedLimits | None:  # noqa: ANN401  # the application's
    """The limits that the function given as `option` returned; None if it returned None."""
    if returned is None:
        return None
    try:
        return parse_limits(returned)
    except (ConfigurationError, TypeError, ValueError) as error:
        raise _wrong(option, returned, error) from None


def returned_cost(returned: Any) -> int:  # noqa: ANN401
    """The cost that a function returned."""
    try:
        cost: int = COST.read("cost", returned)
    except ConfigurationError as error:
        raise _wrong("cost", returned, error) from None
    return cost
