"""The decorator that limits a view of Django."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

import pytest
from asgiref.sync import iscoroutinefunction
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, JsonResponse
from django.test import RequestFactory, override_settings
from django.utils.decorators import method_decorator
from django.views import View
from rest_framework.response import Response
from rest_framework.views import APIView

from lockwatch import AsyncLockWatch, ConfigurationError, LockWatch
from lockwatch.django import client, limit
from lockwatch.testing import AsyncStub, Stub
from support.django_requests import ADMITTED, DENIED, answer, answer_async, get, get_async, keys, settings


@limit("9/minute")
def limited(request: Any) -> HttpResponse:
    return HttpResponse("hello")


@limit("9/minute")
async def limited_async(request: Any) -> HttpResponse:
    return HttpResponse("hello")


def test_a_view_has_a_limit_named_after_it() -> None:
    stub = Stub()
    stub.answer("LW.RATELIMIT", ADMITTED, DENIED)
    with settings(stub):
        admitted, denied = get(limited), get(limited)
    assert keys(stub) == ["lw:{ip:203.0.113.9}:limit:test_django_limit.limited"] * 2
    assert (admitted.status_code, admitted["X-RateLimit-Remaining"]) == (200, "8")
    assert admitted["RateLimit"] == '"test_django_limit.limited";r=8;t=60'
    assert (denied.status_code, denied["Retry-After"]) == (429, "12")
    assert denied.content == b'{"error":"rate_limit_exceeded","retry_after":12}'
    assert denied["Content-Type"] == "application/json"


def test_an_asynchronous_view_stays_asynchronous() -> None:
    stub = AsyncStub()
    stub.answer("LW.RATELIMIT", ADMITTED, DENIED)
    assert iscoroutinefunction(limited_async)
    with settings(stub):
        assert [get_async(limited_async).status_code for _ in range(2)] == [200, 429]
    assert keys(stub) == ["lw:{ip:203.0.113.9}:limit:test_django_limit.limited_async"] * 2


class Orders(View):
    @method_decorator(limit("9/minute"))
    def get(self, request: Any) -> HttpResponse:
        return HttpResponse("orders")

    @method_decorator(limit("2/minute", key=lambda request: request.headers["X-Account"]))
    def post(self, request: Any) -> HttpResponse:
        return HttpResponse("placed")


class AsyncOrders(View):
    @method_decorator(limit("9/minute"))
    async def get(self, request: Any) -> HttpResponse:
        return HttpResponse("orders")


class ApiOrders(APIView):
    @method_decorator(limit("9/minute", key=lambda request: request.query_params["account"]))
    def get(self, request: Any) -> Response:
        return Response("orders")


def test_the_methods_of_a_class_have_limits_of_their_own() -> None:
    stub = Stub()
    stub.answer("LW.RATELIMIT", ADMITTED, ADMITTED, ADMITTED, DENIED)
    with settings(stub):
        view = Orders.as_view()
        assert get(view).status_code == 200
        assert view(RequestFactory().post("/", headers={"X-Account": "alice"})).status_code == 200
        api = ApiOrders.as_view()
        assert get(api, "/?account=bob")["RateLimit"].endswith('";r=8;t=60')
        assert get(api, "/?account=bob").status_code == 429
    names = [key.partition("--")[0] for key in keys(stub)]
    assert names == [
        "lw:{ip:203.0.113.9}:limit:test_django_limit.orders.get",
        "lw:{key:alice}:limit:test_django_limit.orders.post",
        *["lw:{key:bob}:limit:test_django_limit.apiorders.get"] * 2,
    ]
    asynchronous = AsyncStub()
    asynchronous.answer("LW.RATELIMIT", ADMITTED)
    with settings(asynchronous):
        assert get_async(AsyncOrders.as_view()).status_code == 200


@method_decorator(limit("9/minute"), name="dispatch")
class Baskets(View):
    def get(self, request: Any) -> HttpResponse:
        return HttpResponse("baskets")


@method_decorator(limit("5/minute"), name="dispatch")
class Payments(View):
    async def get(self, request: Any) -> HttpResponse:
        return HttpResponse("payments")


class Plain(View):
    def get(self, request: Any) -> HttpResponse:
        return HttpResponse("plain")


class PlainAsync(View):
    async def get(self, request: Any) -> HttpResponse:
        return HttpResponse("plain")


def test_a_limit_on_a_whole_class_is_named_after_the_class() -> None:
    stub, asynchronous = Stub(), AsyncStub()
    stub.answer("LW.RATELIMIT", *[ADMITTED] * 3)
    asynchronous.answer("LW.RATELIMIT", *[ADMITTED] * 2)
    with settings(stub):
        for view in (Baskets.as_view(), limit("9/minute")(Plain.as_view()), limit("9/minute")(partial(answer))):
            assert get(view).status_code == 200
    with settings(asynchronous):
        for view in (Payments.as_view(), limit("9/minute")(PlainAsync.as_view())):
            assert get_async(view).status_code == 200
    assert [key.partition("--")[0] for key in keys(stub) + keys(asynchronous)] == [
        "lw:{ip:203.0.113.9}:limit:test_django_limit.baskets.dispatch",
        "lw:{ip:203.0.113.9}:limit:test_django_limit.plain",
        "lw:{ip:203.0.113.9}:limit:support.django_requests.answer",
        "lw:{ip:203.0.113.9}:limit:test_django_limit.payments.dispatch",
        "lw:{ip:203.0.113.9}:limit:test_django_limit.plainasync",
    ]


def test_several_limits_of_a_view_count_apart() -> None:
    stub = Stub()
    stub.answer("LW.RATELIMIT", *[ADMITTED] * 2)
    view = limit("9/minute")(limit("99/hour", key=lambda request: request.GET.get("account", "alice"))(answer))
    with settings(stub):
        get(view)
    assert keys(stub) == [
        "lw:{ip:203.0.113.9}:limit:support.django_requests.answer",
        "lw:{key:alice}:limit:support.django_requests.answer:2",
    ]


def test_functions_of_a_limit_get_the_request_of_django() -> None:
    stub = Stub()
    stub.answer("LW.RATELIMIT", DENIED)
    view = limit(
        lambda request: request.headers["X-Plan"],
        key=lambda request: request.GET["account"],
        cost=lambda request: int(request.GET["cost"]),
        on_denied=lambda result: JsonResponse({"left": result.remaining}, status=420),
        name="plan",
    )(answer)
    with settings(stub):
        denied = get(view, "/?account=alice&cost=3", **{"X-Plan": "7/hour"})
    assert stub.called("LW.RATELIMIT") == [("LW.RATELIMIT", "lw:{key:alice}:limit:plan", "7", "3600", "COST", "3")]
    assert (denied.status_code, denied.content) == (420, b'{"left": 0}')
    assert denied["Content-Type"] == "application/json"


def test_a_limit_may_have_a_client_of_its_own() -> None:
    stub = Stub()
    stub.answer("LW.RATELIMIT", ADMITTED)
    with override_settings(LOCKWATCH=None):
        assert get(limit("9/minute", lockwatch=LockWatch(stub, service="shop"))(answer)).status_code == 200
        assert keys(stub) == ["lw:shop:{ip:203.0.113.9}:limit:support.django_requests.answer"]
        other = limit("9/minute", lockwatch=AsyncLockWatch(AsyncStub()))
        with pytest.raises(ConfigurationError, match="needs a LockWatch"):
            get(other(answer))


def test_options_of_a_limit_are_checked_where_it_is_written() -> None:
    with pytest.raises(ConfigurationError, match="'5 a minute' is not a limit"):
        limit("5 a minute")
    with pytest.raises(ConfigurationError, match="did you mean 'cost'"):
        limit("5/minute", costs=2)  # type: ignore[call-arg]  # the mistake
    with pytest.raises(ConfigurationError, match="can't be asynchronous"):
        limit("5/minute", lockwatch=LockWatch(Stub()), key=answer_async)


@pytest.mark.parametrize(
    ("error", "counts"),
    [(Http404(), False), (PermissionDenied(), False), (RuntimeError("broken"), False), (None, True)],
)
def test_a_failed_view_costs_nothing_with_skip_failed(error: Exception | None, counts: bool) -> None:
    stub = Stub()
    stub.answer("LW.RATELIMIT", [*ADMITTED, 1_700_000_000_000])

    @limit("9/minute", skip_failed=True)
    def view(request: Any) -> HttpResponse:
        if error is not None:
            raise error
        return HttpResponse("hello")

    with settings(stub):
        if error is None:
            get(view)
        else:
            with pytest.raises(type(error)):
                get(view)
        client().corrections.flush()
    assert bool(stub.called("LW.REFUND")) != counts


def test_the_decorator_keeps_the_view() -> None:
    assert limited.__name__ == "limited"
    assert list(inspect.signature(limited).parameters) == ["request"]
