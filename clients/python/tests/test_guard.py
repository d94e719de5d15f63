"""Guards over stubs: the commands and their results, logins without a framework, and the log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

import lockwatch
from lockwatch import (
    AsyncLockWatch,
    Attempt,
    AttemptDeniedError,
    CommandError,
    ConfigurationError,
    DeviceCookie,
    Guard,
    GuardResult,
    LockWatch,
    ModuleMissingError,
    NoRuleError,
    TokenExpiredError,
    UnavailableError,
    notices,
)
from lockwatch.testing import AsyncStub, Stub
from support.waiting import wait_for

IP = "203.0.113.9"
OK = [0, 0, None, 0, 0, 0]
CHALLENGE = [1, 0, b"account", 0, 1, 0]
DENIED = [2, 1500, b"brute", 2, 2, 1]
NO_RULE = NoRuleError("LWNORULE", 'no rules for "logn": did you mean "login"?')
END = datetime(2025, 11, 24, 16, 0, tzinfo=timezone.utc)


def sent(call: Callable[[LockWatch], object]) -> tuple[str, ...]:
    stub = Stub()
    call(LockWatch(stub))
    [words] = stub.calls
    return words


def test_a_result_reads_six_values() -> None:
    stub = Stub()
    lw = LockWatch(stub)
    stub.answer("LW.ATTEMPT", OK, CHALLENGE, DENIED)
    allowed, challenged, denied = (lw.attempt("login", ip=IP) for _ in range(3))
    assert allowed == GuardResult("allow", 0, None, 0, "allow", alerted=False)
    assert (bool(allowed), bool(challenged), bool(denied)) == (True, False, False)
    assert (challenged.challenged, challenged.denied, challenged.rule) == (True, False, "account")
    assert (challenged.would, challenged.retry_after_seconds) == ("challenge", None)
    assert (denied.denied, denied.strikes, denied.alerted) == (True, 2, True)
    assert (denied.retry_after, denied.retry_after_seconds) == (timedelta(milliseconds=1500), 2)


@pytest.mark.parametrize("reply", [[0, 0, None, 0, 0], [3, 0, None, 0, 0, 0], ["0", 0, None, 0, 0, 0], 5, None, b"x"])
def test_a_reply_of_another_shape_is_that_of_another_module(reply: Any) -> None:
    stub = Stub()
    stub.answer("LW.CHECK", reply)
    with pytest.raises(ModuleMissingError):
        LockWatch(stub).check("login", ip=IP)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda lw: lw.attempt("login", user=" Alice"), "LW.ATTEMPT login USER alice"),
        (lambda lw: lw.attempt("login", user="Alice", normalize=False), "LW.ATTEMPT login USER Alice"),
        (lambda lw: lw.attempt("login", ip=IP, user=42), f"LW.ATTEMPT login IP {IP} USER 42"),
        (lambda lw: lw.attempt("login", ip=IP, user=" "), f"LW.ATTEMPT login IP {IP}"),
        (
            lambda lw: lw.attempt("login", ip=IP, user=b"A", device="d", value="v", solved=True),
            f"LW.ATTEMPT login IP {IP} USER A DEVICE d VALUE v SOLVED",
        ),
        (
            lambda lw: lw.event("login", "failure", ip=IP, user="A", free_key="k", value="v", device="d"),
            f"LW.EVENT login failure IP {IP} USER a KEY k VALUE v DEVICE d",
        ),
        (
            lambda lw: lw.check("site", ip=IP, user="A", free_key="k", device="d"),
            f"LW.CHECK site IP {IP} USER a KEY k DEVICE d",
        ),
        (
            lambda lw: lw.ban("site", "1h", ip="203.0.113.0/24", reason="scan", by="ops"),
            "LW.BAN site IP 203.0.113.0/24 FOR 3600 REASON scan BY ops",
        ),
        (lambda lw: lw.ban("site", 90, user="A"), "LW.BAN site USER a FOR 90"),
        (lambda lw: lw.allow("site", timedelta(days=1), free_key="k"), "LW.ALLOW site KEY k FOR 86400"),
        (lambda lw: lw.lift("site", ip=IP), f"LW.LIFT site IP {IP}"),
        (lambda lw: lw.lift("site", ip=IP, user="A", by="ops"), f"LW.LIFT site IP {IP} USER a BY ops"),
        (lambda lw: lw.lift("site", user="A", forget=True, allowed=True), "LW.LIFT site USER a FORGET ALLOWED"),
        (lambda lw: lw.lift("site", user_hash="0123456789abcdef"), "LW.LIFT site HASH 0123456789abcdef"),
        (lambda lw: lw.lift("site", everything=True), "LW.LIFT site ALL"),
        (lambda lw: lw.bans("site"), "LW.BANS site"),
        (lambda lw: lw.bans("site", allowed=True, count=5, after="c"), "LW.BANS site ALLOWED COUNT 5 AFTER c"),
        (lambda lw: lw.bans("site", observed=True), "LW.BANS site OBSERVED"),
        (lambda lw: lw.rules(), "LW.RULES"),
        (lambda lw: lw.rules("login"), "LW.RULES login"),
    ],
)
def test_the_words_of_a_command(call: Callable[[LockWatch], object], words: str) -> None:
    assert " ".join(sent(call)) == words


def test_the_words_of_why() -> None:
    assert " ".join(sent(lambda lw: lw.why("login", ip=IP, user="A"))) == f"LW.WHY login IP {IP} USER a"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda lw: lw.ban("site", "1h"), "ban takes one of ip=, user=, free_key="),
        (lambda lw: lw.allow("site", "1h", ip=IP, user="a"), "allow takes one of"),
        (lambda lw: lw.lift("site"), "lift takes one of"),
        (lambda lw: lw.lift("site", everything=True, ip=IP), "everything=True alone"),
        (lambda lw: lw.why("site", user_hash="0" * 16, ip=IP), "user_hash= alone"),
        (lambda lw: lw.why("site", ip=IP, free_key="k"), "why takes one of"),
        (lambda lw: lw.bans("site", allowed=True, observed=True), "one of allowed=True, observed=True"),
        (lambda lw: lw.attempt("login", user=True), "user is a bool"),
        (lambda lw: lw.attempt("login", user=["a"]), "user is a list"),
    ],
)
def test_a_call_that_can_not_be_meant(call: Callable[[LockWatch], object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        call(LockWatch(Stub()))


def test_the_results_of_operators_commands() -> None:
    stub = Stub()
    lw = LockWatch(stub)
    assert (lw.ban("site", "1h", ip=IP), lw.allow("site", "1h", ip=IP)) == (END, END)
    assert lw.lift("site", ip=IP) == 1
    stub.answer("LW.RULES", [b"login guess pair attempt 5 leak 2m challenge 15m enforce"])
    assert lw.rules("login") == ["login guess pair attempt 5 leak 2m challenge 15m enforce"]


def test_a_guard_without_rules_is_a_configuration_error_of_every_command() -> None:
    stub = Stub()
    lw = LockWatch(stub)
    for command, call in (("ATTEMPT", lw.attempt), ("CHECK", lw.check)):
        stub.answer(f"LW.{command}", NO_RULE)
        with pytest.raises(ConfigurationError, match="logn") as refused:
            call("logn", ip=IP)
        assert refused.value.code == "LWNORULE"


class Logins:
    """A guard over a stub, whose outcomes are sent when it is left."""

    def __init__(self, *replies: Any, **options: Any) -> None:
        self.stub = Stub()
        self.stub.answer("LW.ATTEMPT", *replies)
        self.lw = LockWatch(self.stub)
        self.guard = Guard(self.lw, "login", **{"challenge": "deny", **options})

    @property
    def told(self) -> list[str]:
        self.lw.outcomes.flush()
        return [words[2] for words in self.stub.called("LW.EVENT")]


def test_an_exception_is_no_outcome() -> None:
    logins = Logins()
    with pytest.raises(ZeroDivisionError), logins.guard.attempt(ip=IP, user="alice"):
        raise ZeroDivisionError
    assert logins.told == []


def test_an_outcome_is_sent_although_an_exception_follows() -> None:
    logins = Logins()

    def check_password(attempt: Attempt) -> None:
        attempt.failed()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), logins.guard.attempt(ip=IP, user="alice") as attempt:
        check_password(attempt)
    assert logins.told == ["failure"]


def test_a_block_without_an_outcome_sends_nothing_and_hints_at_it_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "_said", set())
    logins = Logins()
    with caplog.at_level(logging.DEBUG, "lockwatch"):
        for _ in range(2):
            with logins.guard.attempt(ip=IP, user="alice"):
                pass
    assert logins.told == []
    [record] = [record for record in caplog.records if "without an outcome" in record.getMessage()]
    assert record.levelno == logging.DEBUG


def test_a_second_outcome_is_an_error() -> None:
    logins = Logins()
    with logins.guard.attempt(ip=IP, user="alice") as attempt:
        attempt.password_ok()
        attempt.mfa_failed()
        attempt.mfa_failed()
        attempt.succeeded()
        with pytest.raises(RuntimeError, match="success, and now failure"):
            attempt.failed()
    assert logins.told == ["password", "mfa", "mfa", "success"]
    assert attempt.outcome == "success"


def test_a_block_is_entered_once() -> None:
    block = Logins().guard.attempt(ip=IP, user="alice")
    with block as attempt:
        attempt.failed()
    with pytest.raises(RuntimeError, match="for each block"), block:
        pass


def test_a_denial_says_when_to_try_again() -> None:
    logins = Logins(DENIED)
    with pytest.raises(AttemptDeniedError, match="brute") as denied, logins.guard.attempt(ip=IP, user="alice"):
        pass
    assert (denied.value.code, denied.value.retry_after_seconds) == ("ATTEMPT_DENIED", 2)
    assert denied.value.result.strikes == 2
    logins = Logins(CHALLENGE)
    with pytest.raises(AttemptDeniedError) as denied, logins.guard.attempt(ip=IP, user="alice"):
        pass
    assert denied.value.retry_after is None


def test_a_challenge_function_gets_the_result() -> None:
    asked: list[GuardResult] = []

    def solved(result: GuardResult) -> bool:
        asked.append(result)
        return True

    logins = Logins(CHALLENGE, OK, challenge=solved)
    with logins.guard.attempt(ip=IP, user="alice") as attempt:
        attempt.succeeded()
    assert [result.rule for result in asked] == ["account"]
    assert attempt.result.verdict == "allow"


def test_an_exception_of_a_challenge_function_ends_the_login() -> None:
    class NeedsCaptchaError(Exception):
        pass

    def challenge(_result: GuardResult) -> bool:
        raise NeedsCaptchaError

    logins = Logins(CHALLENGE, challenge=challenge)
    with pytest.raises(NeedsCaptchaError), logins.guard.attempt(ip=IP, user="alice"):
        pass
    assert len(logins.stub.calls) == 1


def test_an_error_of_this_package_in_a_challenge_function_is_the_applications() -> None:
    def challenge(_result: GuardResult) -> bool:
        raise TokenExpiredError("LWEXPIRED", "the proof of the captcha has expired")

    for mode in ("allow", "deny"):
        logins = Logins(CHALLENGE, challenge=challenge, on_redis_failure=mode)
        with pytest.raises(TokenExpiredError), logins.guard.attempt(ip=IP, user="alice"):
            pass


def test_a_challenge_function_whose_redis_is_away_closes_the_login() -> None:
    def challenge(_result: GuardResult) -> bool:
        raise UnavailableError("TIMEOUT", "the store of challenges is away")

    with pytest.raises(UnavailableError), Logins(CHALLENGE, challenge=challenge).guard.attempt(ip=IP, user="alice"):
        pass


def test_a_challenge_that_comes_although_it_was_solved_denies() -> None:
    logins = Logins(CHALLENGE, CHALLENGE, challenge="allow")
    with pytest.raises(AttemptDeniedError), logins.guard.attempt(ip=IP, user="alice"):
        pass


@pytest.mark.parametrize("code", ["CONNECTION", "TIMEOUT"])
def test_a_login_is_closed_while_redis_is_away(code: str, caplog: pytest.LogCaptureFixture) -> None:
    logins = Logins()
    logins.stub.unavailable(code)
    with pytest.raises(UnavailableError), logins.guard.attempt(ip=IP, user="alice"):
        pass
    assert "logins are answered 503: the stub is unavailable" in caplog.text


def test_a_login_goes_on_while_redis_is_away_if_the_application_says_so(caplog: pytest.LogCaptureFixture) -> None:
    logins = Logins(on_redis_failure="allow")
    logins.stub.unavailable("TIMEOUT")
    with logins.guard.attempt(ip=IP, user="alice") as attempt:
        assert attempt.result.failure == "timeout"
        attempt.failed()
    assert logins.told == []
    assert "logins go on without a guard: the stub is unavailable" in caplog.text
    wait_for("the log", lambda: "outcomes are lost to guards: the stub is unavailable" in caplog.text)


@pytest.mark.parametrize("mode", ["allow", "deny"])
def test_what_the_server_always_refuses_is_raised(mode: str) -> None:
    for error in (NO_RULE, CommandError("ERR", "ERR ip is malformed"), CommandError("WRONGTYPE", "WRONGTYPE …")):
        logins = Logins(error, on_redis_failure=mode)
        with pytest.raises(type(error)), logins.guard.attempt(ip=IP, user="alice"):
            pass


def test_outcomes_without_rules_are_an_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    logins = Logins()
    logins.stub.answer("LW.EVENT", NO_RULE)
    logins.guard.event("failure", ip=IP)
    assert logins.told == ["failure"]
    wait_for("the log", lambda: any(record.levelno == logging.ERROR for record in caplog.records))


def test_an_outcome_is_never_sent_twice() -> None:
    logins = Logins()
    logins.stub.answer("LW.EVENT", UnavailableError("TIMEOUT", "Redis did not answer in time"))
    logins.guard.reset("Alice")
    assert logins.told == ["reset"]
    logins.guard.event("failure", ip=IP, user="alice")
    assert logins.told == ["reset", "failure"]
    assert logins.stub.called("LW.EVENT")[0] == ("LW.EVENT", "login", "reset", "USER", "alice")


def test_the_password_is_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    logins = Logins(OK, DENIED, UnavailableError("TIMEOUT", "away"), password_digest_key=b"0123456789abcdef")
    with caplog.at_level(logging.DEBUG):
        with logins.guard.attempt(ip=IP, user="alice", password="wonderland") as attempt:
            attempt.failed()
        for error in (AttemptDeniedError, UnavailableError):
            with pytest.raises(error) as refused, logins.guard.attempt(ip=IP, user="alice", password="wonderland"):
                pass
            assert "wonderland" not in repr(refused.value)
    assert logins.told == ["failure"]
    assert "wonderland" not in repr([logins.stub.calls, caplog.text, vars(attempt), vars(logins.guard)])


def test_a_guard_of_the_other_kind_of_client_says_which_with_to_write() -> None:
    with (
        pytest.raises(ConfigurationError, match="async with"),
        Guard(AsyncLockWatch(AsyncStub()), "login", challenge="deny").attempt(ip=IP),
    ):
        pass

    async def wrong() -> None:
        async with Logins().guard.attempt(ip=IP):
            pass

    with pytest.raises(ConfigurationError, match="'with guard"):
        asyncio.run(wrong())


def test_an_outcome_survives_the_cancellation_of_its_task() -> None:
    stub = AsyncStub()

    async def login(guard: Guard, entered: asyncio.Event) -> None:
        async with guard.attempt(ip=IP, user="alice") as attempt:
            attempt.failed()
            entered.set()
            await asyncio.sleep(60)

    async def main() -> None:
        async with AsyncLockWatch(stub) as lw:
            entered = asyncio.Event()
            task = asyncio.create_task(login(Guard(lw, "login", challenge="deny"), entered))
            await entered.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert task.cancelled()

    asyncio.run(main())
    assert [words[2] for words in stub.called("LW.EVENT")] == ["failure"]


def test_a_challenge_function_may_be_asynchronous() -> None:
    stub = AsyncStub()
    stub.answer("LW.ATTEMPT", CHALLENGE, OK)

    async def solved(_result: GuardResult) -> bool:
        await asyncio.sleep(0)
        return True

    async def main() -> None:
        async with AsyncLockWatch(stub) as lw, Guard(lw, "login", challenge=solved).attempt(ip=IP) as attempt:
            attempt.succeeded()

    asyncio.run(main())
    assert [words[-1] for words in stub.called("LW.ATTEMPT")] == [IP, "SOLVED"]


class FakeResponse:
    def __init__(self) -> None:
        self.cookies: dict[str, tuple[str, dict[str, Any]]] = {}

    def set_cookie(self, name: str, value: str, **options: Any) -> None:
        self.cookies[name] = (value, options)


def test_a_success_gives_the_browser_a_new_device() -> None:
    logins = Logins(device_cookie=DeviceCookie("__Host-device"))
    old, response = "0" * 32, FakeResponse()
    with logins.guard.attempt(ip=IP, user="alice", device=old) as attempt:
        attempt.succeeded(response)
    device, options = response.cookies["__Host-device"]
    assert device != old
    assert DeviceCookie("__Host-device").read({"__Host-device": device}) == device == attempt.device
    assert (options["httponly"], options["secure"], options["samesite"], options["path"]) == (True, True, "Lax", "/")
    assert logins.told == ["success"]
    assert logins.stub.called("LW.EVENT")[0][-2:] == ("DEVICE", device)
    assert logins.stub.called("LW.ATTEMPT")[0][-2:] == ("DEVICE", old)


@pytest.mark.parametrize("cookie", ["", "x", "0" * 31, "0" * 33, "G" * 32, "0" * 31 + "\n", "A" * 32, "0" * 4000])
def test_a_cookie_that_is_no_device_is_left_out(cookie: str) -> None:
    assert DeviceCookie().read({"lw_device": cookie}) is None


def test_every_device_is_another() -> None:
    assert len({DeviceCookie().new() for _ in range(100)}) == 100


def test_the_names_of_the_package() -> None:
    assert {"Attempt", "Guard", "GuardResult", "DeviceCookie", "NoRuleError"} <= set(lockwatch.__all__)
