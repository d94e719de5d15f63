"""The token commands, through both clients."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import redis
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from lockwatch import (
    CommandError,
    ConfigurationError,
    ConflictError,
    TokenError,
    TokenExpiredError,
    TokenInvalidError,
    TokenReusedError,
    TokenRevokedError,
)
from lockwatch.testing import RedisServer
from support.both import MAKERS


@pytest.fixture(params=MAKERS)
def client(request: pytest.FixtureRequest, shared_redis: RedisServer) -> Iterator[Any]:
    made = MAKERS[request.param](shared_redis.url)
    yield made
    made.close()


@pytest.fixture
def store(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


def test_issue_and_verify(client: Any, store: str) -> None:
    pair = client.issue(store, "alice", claims={"scope": "a b", "tier": 2}, access_ttl=60, refresh_ttl="1h")
    claims = client.verify(store, pair.access_token)
    assert (claims.sub, claims.sid) == ("alice", pair.session_id)
    assert claims.scopes() == {"a", "b"}
    assert claims.all["tier"] == 2
    assert claims.expires_at == pair.access_expires_at.replace(microsecond=0)
    now = datetime.now(timezone.utc)
    assert timedelta(seconds=50) < pair.access_expires_at - now <= timedelta(seconds=61)
    assert timedelta(minutes=59) < pair.refresh_expires_at - now <= timedelta(minutes=60, seconds=1)
    assert pair.access_token not in repr(pair)
    assert pair.refresh_token not in repr(pair)


def test_an_access_token_alone(client: Any, store: str) -> None:
    pair = client.issue(store, "alice", refresh_ttl=0)
    assert pair.refresh_token is None
    assert client.verify(store, pair.access_token).sub == "alice"


def test_audience(client: Any, store: str) -> None:
    pair = client.issue(store, "alice", audience="billing")
    assert client.verify(store, pair.access_token, audience="billing")
    with pytest.raises(TokenInvalidError):
        client.verify(store, pair.access_token)


def test_several_audiences(client: Any, store: str) -> None:
    pair = client.issue(store, "alice", audience=["billing", "web"])
    rotated = client.rotate(store, pair.refresh_token)
    for token in (pair.access_token, rotated.access_token):
        for name in ("billing", "web"):
            assert client.verify(store, token, audience=name)["aud"] == ["billing", "web"]
        with pytest.raises(TokenInvalidError):
            client.verify(store, token, audience="admin")
        assert client.introspect(store, token).all["aud"] == ["billing", "web"]
    only = client.issue(store, "alice", audience=("billing",))
    assert client.verify(store, only.access_token, audience="billing")["aud"] == "billing"
    for audience in ([], [1], 7, b"a"):
        with pytest.raises(ConfigurationError):
            client.issue(store, "alice", audience=audience)
    for refused in (["a", "a"], [str(number) for number in range(9)]):
        with pytest.raises(CommandError):
            client.issue(store, "alice", audience=refused)


def test_rotate_with_claims(client: Any, store: str) -> None:
    first = client.issue(store, "alice", claims={"role": "user", "n": 1})
    second = client.rotate(store, first.refresh_token, claims={"role": "admin"})
    assert client.verify(store, second.access_token)["role"] == "admin"
    assert "n" not in client.verify(store, second.access_token)
    assert client.rotate(store, first.refresh_token, claims={"role": "admin"}) == second
    with pytest.raises(ConflictError) as conflict:
        client.rotate(store, first.refresh_token, claims={"role": "user"})
    assert conflict.value.code == "LWCONFLICT"
    assert not isinstance(conflict.value, TokenError)
    assert client.rotate(store, first.refresh_token) == second
    third = client.rotate(store, second.refresh_token, claims={})
    assert "role" not in client.verify(store, third.access_token)


def test_set_claims(client: Any, store: str) -> None:
    pairs = [client.issue(store, "alice", claims={"role": "admin"}) for _ in range(3)]
    assert client.set_claims(store, {"role": "user"}, session=pairs[0].session_id) == 1
    assert client.set_claims(store, {"role": "user"}, subject="alice") == 2
    assert client.set_claims(store, {"role": "user"}, subject="alice") == 0
    assert client.set_claims(store, {}, subject="nobody") == 0
    for pair in pairs:
        assert client.verify(store, pair.access_token)["role"] == "admin"
        rotated = client.rotate(store, pair.refresh_token)
        assert client.verify(store, rotated.access_token)["role"] == "user"
    for what in ({}, {"session": pairs[0].session_id, "subject": "alice"}):
        with pytest.raises(ConfigurationError):
            client.set_claims(store, {}, **what)
    with pytest.raises(CommandError):
        client.set_claims(store, {"sub": "root"}, subject="alice")


def test_rotate_and_reuse(client: Any, store: str, shared_redis: RedisServer) -> None:
    with redis.Redis.from_url(shared_redis.url) as admin:
        admin.config_set("lockwatch.rotate-grace", "0")
    first = client.issue(store, "alice")
    second = client.rotate(store, first.refresh_token, meta={"agent": "x"})
    assert second.session_id == first.session_id
    assert second.refresh_token != first.refresh_token
    assert client.sessions(store, "alice")[0].generation == 2
    client.rotate(store, second.refresh_token)
    with pytest.raises(TokenReusedError) as reused:
        client.rotate(store, first.refresh_token)
    assert reused.value.code == "LWREUSED"
    assert isinstance(reused.value, TokenError)
    with pytest.raises(TokenRevokedError):
        client.verify(store, second.access_token)


def test_introspect(client: Any, store: str) -> None:
    pair = client.issue(store, "alice")
    good, bad = client.introspect(store, pair.access_token), client.introspect(store, "nonsense")
    assert good
    assert good.all["sub"] == "alice"
    assert not bad
    assert bad.all == {"active": False}


def test_revoke(client: Any, store: str) -> None:
    pairs = [client.issue(store, "alice", meta={"number": number}) for number in range(5)]
    assert client.revoke(store, token=pairs[0].refresh_token) == 1
    assert client.revoke(store, token=pairs[0].refresh_token) == 0
    assert client.revoke(store, session=pairs[1].session_id) == 1
    assert client.revoke(store, subject="alice", keep=pairs[2].session_id) == 2
    [left] = client.sessions(store, "alice")
    assert left.session_id == pairs[2].session_id
    assert left.meta == {"number": 2}
    assert left.created_at <= left.rotated_at < left.expires_at
    assert client.revoke_all(store) == 1
    assert client.sessions(store, "alice") == []


def test_expired_and_invalid(client: Any, store: str) -> None:
    with pytest.raises(TokenInvalidError) as invalid:
        client.verify(store, "a.b.c")
    assert invalid.value.code == "LWINVALID"
    with pytest.raises(TokenInvalidError):
        client.rotate(store, "lwr_nonsense")
    assert issubclass(TokenExpiredError, TokenError)


def test_the_public_keys_verify_access_tokens(client: Any, store: str) -> None:
    token = client.issue(store, "alice").access_token
    head, body, signature = token.split(".")
    kid = json.loads(_decoded(head))["kid"]
    [key] = [key for key in client.jwks()["keys"] if key["kid"] == kid]
    numbers = rsa.RSAPublicNumbers(_integer(key["e"]), _integer(key["n"]))
    numbers.public_key().verify(_decoded(signature), f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _integer(text: str) -> int:
    return int.from_bytes(_decoded(text), "big")
