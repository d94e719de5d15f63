/** Publishes the counters of a client to Prometheus, with the package `prom-client`. */
import { Counter, Gauge, register as defaultRegistry, type Registry } from "prom-client";
import { checkClient, type LockWatch } from "./lockwatch.js";

/** The clients whose counters each registry publishes. */
const registered = new WeakMap<object, Set<LockWatch>>();

/**
 * Adds these metrics to a registry, the default one of `prom-client` unless given:
 *
 * - `lockwatch_client_requests_total`, with the labels `policy` and `outcome`
 * - `lockwatch_client_limits_off`: 1 while requests are let through without a limit, else 0
 * - `lockwatch_client_audit_dropped_total`
 *
 * They are read when the registry is, so that requests pay nothing for them. Those of several clients
 * on one registry are added up.
 */
export function register(lockwatch: LockWatch, registry: Registry = defaultRegistry): void {
  checkClient(lockwatch, "register(lw, registry)");
  const known = registered.get(registry);
  // A registry that was cleared needs the metrics again.
  if (known && registry.getSingleMetric(REQUESTS)) {
    known.add(lockwatch);
    return;
  }
  const clients = new Set([lockwatch]);
  registered.set(registry, clients);
  publish(clients, registry);
}

const REQUESTS = "lockwatch_client_requests_total";

function publish(clients: ReadonlySet<LockWatch>, registry: Registry): void {
  const registers = [registry];
  const stats = () => [...clients].map((client) => client.stats());
  new Counter({
    name: REQUESTS,
    help: "Requests by the policy and by what became of its limit",
    labelNames: ["policy", "outcome"],
    registers,
    collect() {
      this.reset();
      for (const { requests } of stats()) {
        for (const [policy, outcomes] of Object.entries(requests)) {
          for (const [outcome, count] of Object.entries(outcomes)) this.inc({ policy, outcome }, count);
        }
      }
    },
  });
  new Gauge({
    name: "lockwatch_client_limits_off",
    help: "1 while requests are let through without a limit, because Redis is away",
    registers,
    collect() {
      this.set(stats().some(({ limitsOff }) => limitsOff) ? 1 : 0);
    },
  });
  new Counter({
    name: "lockwatch_client_audit_dropped_total",
    help: "Audit events that were not recorded",
    registers,
    collect() {
      this.reset();
      for (const { auditDropped } of stats()) this.inc(auditDropped);
    },
  });
}
