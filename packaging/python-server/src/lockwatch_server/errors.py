"""The error of this package."""


class LockwatchServerError(Exception):
    """This machine cannot use the module or has no server. The message says why and what helps."""
