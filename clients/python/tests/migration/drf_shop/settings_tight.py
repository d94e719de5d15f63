"""The settings after the move, with a rate that is soon used up, and short timeouts."""

from .settings_after import *  # noqa: F403  # as settings of Django are extended
from .settings_after import LOCKWATCH as _LOCKWATCH
from .settings_after import REST_FRAMEWORK as _REST_FRAMEWORK

LOCKWATCH = {**_LOCKWATCH, "connect_timeout": "400ms", "command_timeout": "300ms", "breaker_seconds": "500ms"}
REST_FRAMEWORK = {**_REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": {"anon": "5/hour"}}
