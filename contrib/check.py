#!/usr/bin/env python3
"""Checks the dashboard, the alert rules and the metrics of INFO against running programs.

scripts/contrib-test.sh starts them and calls this.
"""

import argparse
import json
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

CONTRIB = Path(__file__).resolve().parent
TIME_FILTER = re.compile(r'\$__timeFilter\(("?\w+"?)\)')
DEADLINE = time.monotonic() + 60


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        return str(response.read().decode())


def query(prometheus: str, expression: str) -> list[Any]:
    answer = json.loads(get(f"{prometheus}/api/v1/query?" + urllib.parse.urlencode({"query": expression})))
    if answer["status"] != "success":
        raise SystemExit(f"{expression}: {answer}")
    return list(answer["data"]["result"])


def await_series(prometheus: str, expression: str) -> str | None:
    """None if the query returns numbers before the deadline, else what is wrong."""
    while True:
        result = query(prometheus, expression)
        if result and all(sample["value"][1] != "NaN" for sample in result):
            return None
        if time.monotonic() > DEADLINE:
            return f"no series: {expression}: {result}"
        time.sleep(0.2)


def dashboard_queries() -> tuple[list[str], list[str]]:
    dashboard = json.loads((CONTRIB / "grafana/dashboards/lockwatch.json").read_text())
    expressions, statements = [], []
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            if "expr" in target:
                expression = target["expr"].replace("$instance", ".*").replace("$node", ".*")
                expressions.append(expression.replace("$__rate_interval", "1m"))
            else:
                statements.append(TIME_FILTER.sub(r"\1 > now() - interval '1 hour'", target["rawSql"]))
    return expressions, statements


def metrics_of_rules() -> set[str]:
    rules = (CONTRIB / "prometheus/alerts.yml").read_text()
    expressions = re.sub(r"#.*|(?:summary|description): .*", "", rules)
    return set(re.findall(r"\blockwatch_[a-z0-9_]+", expressions))


def faults_of_rules() -> list[str]:
    """Alerts without a test in which they fire, or without a line in README.md."""
    names = re.findall(r"alert: (\w+)", (CONTRIB / "prometheus/alerts.yml").read_text())
    fires = r'alertname="(\w+)", alertstate="firing"\}\)\n.*\n *exp_samples: \[\{value: 1\}\]'
    tested = re.findall(fires, (CONTRIB / "prometheus/alerts-test.yml").read_text())
    documented = re.findall(r"\bLockwatch\w+", (CONTRIB / "README.md").read_text())
    if len(names) < 2:
        raise SystemExit("alerts.yml has no alerts")
    return [
        *(f"{name} has no test in which it fires" for name in names if name not in tested),
        *(f"{name} is not in README.md" for name in names if name not in documented),
        *(f"README.md names {name}, which is no alert" for name in documented if name not in names),
    ]


def rows(psql: str, url: str, statement: str) -> list[str]:
    command = [
        psql,
        "--no-psqlrc",
        "--tuples-only",
        "--no-align",
        "--set",
        "ON_ERROR_STOP=1",
        "--command",
        statement,
        url,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        raise SystemExit(f"{statement}: {done.stderr}")
    return done.stdout.splitlines()


def faults_of_exporter(exporter: str, prometheus: str, info: Path) -> list[str]:
    """Numbers of INFO that redis_exporter does not export, or that do not get names of their own."""
    raw = re.findall(r'^redis_script_values\{.*?key="(\w+)".*?\} ', get(exporter), re.MULTILINE)
    numbers = re.findall(r"^(lockwatch_\w+):\d+$", info.read_text(), re.MULTILINE)
    faults = [f"the exporter lacks {name}" for name in numbers if name not in raw]
    for name in raw:
        arrived = re.sub(r"^(lockwatch_alert_endpoint)_\d+_", r"\1_", name)
        fault = await_series(prometheus, arrived)
        if fault:
            faults.append(f"{name} does not arrive as {arrived}: {fault}")
    if query(prometheus, "redis_script_values"):
        faults.append("redis_script_values was not renamed")
    if not numbers:
        faults.append("INFO has no field of lockwatch")
    print(f"{len(raw)} fields of INFO arrive in Prometheus by redis_exporter")
    return faults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("--prometheus", "--exporter", "--exporter-prometheus", "--info", "--psql", "--postgres"):
        parser.add_argument(option, required=True)
    parser.add_argument("--firing", nargs="+", required=True, help="the alerts that have to fire")
    options = parser.parse_args()

    faults = faults_of_rules()
    expressions, statements = dashboard_queries()
    metrics = metrics_of_rules()
    alerts = [f'ALERTS{{alertname="{name}",alertstate="firing"}}' for name in options.firing]
    for expression in [*expressions, *sorted(metrics), *alerts]:
        fault = await_series(options.prometheus, expression)
        if fault:
            faults.append(fault)
    faults += [
        f"no rows: {statement}" for statement in statements if not rows(options.psql, options.postgres, statement)
    ]
    faults += faults_of_exporter(options.exporter, options.exporter_prometheus, Path(options.info))

    if faults:
        sys.exit("\n".join(faults))
    print(f"{len(expressions)} queries and {len(statements)} SQL statements of the dashboard return values")
    print(f"{len(metrics)} metrics of the alert rules exist, and {len(alerts)} alerts fire")


if __name__ == "__main__":
    main()
