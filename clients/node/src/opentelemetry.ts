/** Publishes the counters of a client through OpenTelemetry, with the package `@opentelemetry/api`. */
import { metrics, trace, type Meter, type MeterProvider } from "@opentelemetry/api";
import type { LimitEvent } from "./counters.js";
import { ConfigurationError } from "./errors.js";
import { checkOptions, type OptionRules } from "./known-options.js";
import { checkClient, type LockWatch } from "./lockwatch.js";

export interface InstrumentOptions {
  /** The global one unless given. */
  meterProvider?: MeterProvider | undefined;
}

const RULES: OptionRules<InstrumentOptions> = {
  meterProvider: {
    expected: "a MeterProvider of OpenTelemetry",
    accepts: (value) => typeof (value as Partial<MeterProvider> | null)?.getMeter === "function",
  },
};

const instrumented = new WeakSet<LockWatch>();

/**
 * Makes the instruments `lockwatch.client.requests`, `lockwatch.client.limits_off` and
 * `lockwatch.client.audit_dropped`, and sets the attributes `lockwatch.policy` and `lockwatch.outcome`
 * on the current span of each request. Call it once for a client, after the SDK has been started.
 */
export function instrument(lockwatch: LockWatch, options: InstrumentOptions = {}): void {
  checkClient(lockwatch, "instrument(lw, { meterProvider })");
  checkOptions(options, RULES, "instrument");
  if (instrumented.has(lockwatch)) throw new ConfigurationError("instrument was called before for this LockWatch: call it once");
  instrumented.add(lockwatch);
  const provider = options.meterProvider ?? metrics.getMeterProvider();
  makeInstruments(provider.getMeter("lockwatch"), lockwatch);
  lockwatch.counters.listen(describeSpan);
}

function makeInstruments(meter: Meter, lockwatch: LockWatch): void {
  meter
    .createObservableCounter("lockwatch.client.requests", { unit: "{request}", description: "Requests by the policy and by what became of its limit" })
    .addCallback((result) => {
      for (const [policy, outcomes] of Object.entries(lockwatch.stats().requests)) {
        for (const [outcome, count] of Object.entries(outcomes)) result.observe(count, attributes(policy, outcome));
      }
    });
  meter
    .createObservableGauge("lockwatch.client.limits_off", { description: "1 while requests are let through without a limit, because Redis is away" })
    .addCallback((result) => result.observe(lockwatch.stats().limitsOff ? 1 : 0));
  meter
    .createObservableCounter("lockwatch.client.audit_dropped", { unit: "{event}", description: "Audit events that were not recorded" })
    .addCallback((result) => result.observe(lockwatch.stats().auditDropped));
}

/** A request under several limits has the attributes of the last one. */
function describeSpan({ policy, outcome }: LimitEvent): void {
  if (policy !== null) trace.getActiveSpan()?.setAttributes(attributes(policy, outcome));
}

function attributes(policy: string, outcome: string): Record<string, string> {
  return { "lockwatch.policy": policy, "lockwatch.outcome": outcome };
}
