"""Tools for an application's own tests.

`Stub` and `AsyncStub` take the place of Redis and answer what a test says. `RedisServer` is a real
server with the module. `pytest_plugin` has fixtures for them.
"""

from .server import RedisServer
from .stub import AsyncStub, Stub

__all__ = ["AsyncStub", "RedisServer", "Stub"]
