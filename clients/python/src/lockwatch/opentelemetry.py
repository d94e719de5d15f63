"""The counters of clients for OpenTelemetry (`pip install 'lockwatch[opentelemetry]'`)."""

from __future__ import annotations

from collections.abc import Iterable

from opentelemetry import trace
from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation, get_meter

from .flow import Client
from .stats import Event

__all__ = ["instrument"]


def instrument(client: Client, meter_provider: MeterProvider | None = None) -> None:
    """Reports the counters of a client, and what was decided about a request on its span.

    Call it once for each client. Without a `meter_provider` the global one is used. The current
    span of a request gets the attributes `lockwatch.policy` and `lockwatch.outcome`.
    """
    meter = get_meter("lockwatch", meter_provider=meter_provider)

    def requests(_options: CallbackOptions) -> Iterable[Observation]:
        for policy, outcomes in client.stats().requests.items():
            for outcome, count in outcomes.items():
                yield Observation(count, {"lockwatch.policy": policy, "lockwatch.outcome": outcome})

    meter.create_observable_counter(
        "lockwatch.client.requests", [requests], "{request}", "Requests by policy and by what was decided."
    )
    meter.create_observable_gauge(
        "lockwatch.client.limits_off",
        [lambda _options: [Observation(int(client.stats().limits_off))]],
        "1",
        "1 while requests are let through without a limit.",
    )
    meter.create_observable_counter(
        "lockwatch.client.audit_dropped",
        [lambda _options: [Observation(client.stats().audit_dropped)]],
        "{event}",
        "Audit events that were lost.",
    )
    client.counters.listen(_describe_span)


def _describe_span(event: Event) -> None:
    if event.policy is None:
        return
    span = trace.get_current_span()
    if span.is_recording():
        span.set_attributes({"lockwatch.policy": event.policy, "lockwatch.outcome": event.outcome})
