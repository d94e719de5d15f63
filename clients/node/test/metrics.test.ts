/** The counters in Prometheus and OpenTelemetry. */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { AggregationTemporality, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import express from "express";
import fastify from "fastify";
import { ConfigurationError, LockWatch } from "lockwatch";
import * as forExpress from "lockwatch/express";
import * as forFastify from "lockwatch/fastify";
import { instrument } from "lockwatch/opentelemetry";
import { register } from "lockwatch/prometheus";
import { Stub } from "lockwatch/testing";
import { Registry } from "prom-client";
import { ask } from "./support/http.js";
import { served, servedByFastify } from "./support/listen.js";

const OOM = { error: "OOM command not allowed when used memory > 'maxmemory'." };

function counted(): LockWatch {
  const lw = new LockWatch(new Stub());
  for (let i = 0; i < 3; i++) lw.counters.count("default", "allowed");
  lw.counters.count("post-login", "failed_open", null, "oom");
  lw.counters.auditDropped(2, "oom");
  return lw;
}

/** The samples of lockwatch, without the lines of help and type. */
async function samples(registry: Registry): Promise<string[]> {
  return (await registry.metrics()).split("\n").filter((line) => line.startsWith("lockwatch_"));
}

describe("Prometheus", () => {
  it("has the counters as they are when it reads them", async () => {
    const [lw, registry] = [counted(), new Registry()];
    register(lw, registry);
    const expected = [
      'lockwatch_client_requests_total{policy="default",outcome="allowed"} 3',
      'lockwatch_client_requests_total{policy="post-login",outcome="failed_open"} 1',
      "lockwatch_client_limits_off 1",
      "lockwatch_client_audit_dropped_total 2",
    ];
    assert.deepEqual(await samples(registry), expected);
    assert.deepEqual(await samples(registry), expected);
    lw.counters.count("default", "denied");
    const after = await samples(registry);
    assert.ok(after.includes('lockwatch_client_requests_total{policy="default",outcome="denied"} 1'), after.join("\n"));
    assert.ok(after.includes("lockwatch_client_limits_off 0"), after.join("\n"));
  });

  it("adds several clients up, and none twice", async () => {
    const [one, registry] = [counted(), new Registry()];
    for (const lw of [one, counted(), one]) register(lw, registry);
    assert.ok((await samples(registry)).includes('lockwatch_client_requests_total{policy="default",outcome="allowed"} 6'));
    registry.clear();
    register(one, registry);
    assert.ok((await samples(registry)).includes('lockwatch_client_requests_total{policy="default",outcome="allowed"} 3'));
  });

  it("shows 0 before the first request", async () => {
    const registry = new Registry();
    register(new LockWatch(new Stub()), registry);
    assert.deepEqual(await samples(registry), ["lockwatch_client_limits_off 0", "lockwatch_client_audit_dropped_total 0"]);
  });

  it("refuses what is no client", () => {
    assert.throws(() => register(express() as never, new Registry()), ConfigurationError);
  });
});

describe("OpenTelemetry", () => {
  const contexts = new AsyncLocalStorageContextManager().enable();
  context.setGlobalContextManager(contexts);
  const spans = new InMemorySpanExporter();
  const tracer = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }).getTracer("test");

  after(() => context.disable());

  it("has the counters", async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const meterProvider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 2 ** 30 })] });
    instrument(counted(), { meterProvider });
    await meterProvider.forceFlush();
    const found = (exporter.getMetrics()[0]?.scopeMetrics ?? []).flatMap(({ metrics }) => metrics);
    const values = found.map(({ descriptor, dataPoints }) => [descriptor.name, dataPoints.map(({ attributes, value }) => ({ attributes, value }))]);
    assert.deepEqual(values, [
      [
        "lockwatch.client.requests",
        [
          { attributes: { "lockwatch.policy": "default", "lockwatch.outcome": "allowed" }, value: 3 },
          { attributes: { "lockwatch.policy": "post-login", "lockwatch.outcome": "failed_open" }, value: 1 },
        ],
      ],
      ["lockwatch.client.limits_off", [{ attributes: {}, value: 1 }]],
      ["lockwatch.client.audit_dropped", [{ attributes: {}, value: 2 }]],
    ]);
    await meterProvider.shutdown();
  });

  it("describes the span of a request in Express", async () => {
    const lw = new LockWatch(new Stub().answer("LW.RATELIMIT", [0, 9, 8, 0, 60_000], [1, 9, 0, 5000, 60_000]));
    instrument(lw);
    const app = express();
    app.use((_request, response, next) => tracer.startActiveSpan("in Express", (span) => {
      response.on("finish", () => span.end());
      next();
    }));
    app.use(forExpress.lockwatch({ redis: lw, keyPrefix: "lw", burstThreshold: null }));
    app.get("/orders", forExpress.limit(lw, "9/minute"), (_request, response) => void response.end());
    const api = await served(app);
    assert.equal((await ask(api.port, "/orders")).status, 429);
    await api.close();
    assert.deepEqual(spans.getFinishedSpans().find(({ name }) => name === "in Express")?.attributes, {
      "lockwatch.policy": "get-orders",
      "lockwatch.outcome": "denied",
    });
    await lw.close();
  });

  it("describes the span of a request in Fastify", async () => {
    const lw = new LockWatch(new Stub().answer("LW.RATELIMIT", OOM), { log: () => undefined });
    instrument(lw);
    const app = fastify();
    app.addHook("onRequest", (_request, reply, done) => tracer.startActiveSpan("in Fastify", (span) => {
      reply.raw.on("finish", () => span.end());
      done();
    }));
    await app.register(forFastify.lockwatch, { redis: lw, keyPrefix: "lw", burstThreshold: null });
    app.get("/", () => "");
    const api = await servedByFastify(app);
    assert.equal((await ask(api.port, "/")).status, 200);
    await api.close();
    assert.deepEqual(spans.getFinishedSpans().find(({ name }) => name === "in Fastify")?.attributes, {
      "lockwatch.policy": "default",
      "lockwatch.outcome": "failed_open",
    });
    await lw.close();
  });

  it("needs no SDK, and refuses a second call", () => {
    const lw = new LockWatch(new Stub());
    instrument(lw);
    assert.equal(trace.getActiveSpan(), undefined);
    lw.counters.count("default", "allowed");
    assert.throws(() => instrument(lw), ConfigurationError);
  });
});
