"""The counters of clients for Prometheus (`pip install 'lockwatch[prometheus]'`).

`REGISTRY.register(LockWatchCollector(lockwatch))`. The numbers are read when they are scraped.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from .flow import Client

__all__ = ["LockWatchCollector"]


class LockWatchCollector(Collector):
    """Collects the counters of one or more clients, as their sum."""

    def __init__(self, *clients: Client) -> None:
        self._clients = clients

    def describe(self) -> Iterator[Metric]:
        """The metrics without samples."""
        return iter(_metrics())

    def collect(self) -> Iterator[Metric]:
        """The metrics with their present numbers."""
        requests, off, dropped = _metrics()
        all_stats = [client.stats() for client in self._clients]
        totals: dict[tuple[str, str], int] = {}
        for stats in all_stats:
            for policy, outcomes in stats.requests.items():
                for outcome, count in outcomes.items():
                    totals[policy, outcome] = totals.get((policy, outcome), 0) + count
        for labels, count in totals.items():
            requests.add_metric(labels, count)
        off.add_metric((), any(stats.limits_off for stats in all_stats))
        dropped.add_metric((), sum(stats.audit_dropped for stats in all_stats))
        return iter((requests, off, dropped))


def _metrics() -> tuple[CounterMetricFamily, GaugeMetricFamily, CounterMetricFamily]:
    return (
        CounterMetricFamily(
            "lockwatch_client_requests", "Requests by policy and by what was decided.", labels=("policy", "outcome")
        ),
        GaugeMetricFamily("lockwatch_client_limits_off", "1 while requests are let through without a limit."),
        CounterMetricFamily("lockwatch_client_audit_dropped", "Audit events that were lost."),
    )
