"""The settings after the move, with timeouts that only a failure reaches."""

from .settings_after import *  # noqa: F403  # as settings of Django are extended
from .settings_after import LOCKWATCH as _LOCKWATCH

LOCKWATCH = {**_LOCKWATCH, "connect_timeout": "10s", "command_timeout": "10s"}
