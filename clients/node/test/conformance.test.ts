/** Runs every case of the conformance file through the middleware of both frameworks. */
import assert from "node:assert/strict";
import { METHODS, type IncomingMessage } from "node:http";
import { describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { AttemptDeniedError, ConfigurationError, LockWatch, parseLimits, ServerPolicy, type LimitEvent } from "lockwatch";
import * as forExpress from "lockwatch/express";
import { Stub } from "lockwatch/testing";
import { messageLimit } from "lockwatch/websocket";
import { passwordDigest } from "../dist/guard/digest.js";
import { policyName } from "../dist/http/policy-name.js";
import { MessageLimit } from "../dist/message-limit.js";
import { userArgument } from "../dist/user-name.js";
import { camelCase, conformance, optionsOf, ScriptedConnection, type App, type GuardCase, type Options, type Step } from "./support/conformance.js";
import { ask, handshake, type Answer } from "./support/http.js";
import { serve, WITH_MIDDLEWARE, type Framework, type Served } from "./support/served.js";

const { defaults } = conformance;

for (const framework of WITH_MIDDLEWARE) {
  describe(`conformance: ${framework}`, { concurrency: 16 }, () => {
    for (const { name, options, steps } of conformance.cases) {
      // Node's parser refuses unknown methods before Fastify sees them.
      const isRefused = framework === "fastify" && steps.some(({ request }) => !METHODS.includes(request.method));
      // Hono resolves dots in a path, and neither its router nor the middleware sees them.
      const isResolved = framework === "hono" && steps.some(({ request }) => request.path.includes("/../"));
      if (!isRefused && !isResolved) it(name, () => run(framework, options, steps));
    }
  });
}

async function run(framework: Framework, given: Options, steps: readonly Step[]): Promise<void> {
  const { limits, ...otherDefaults } = defaults.options;
  const own = "rate_limit_requests" in given || "limits_returns" in given;
  const { service, ...options } = optionsOf({ ...(own ? {} : { limits }), ...otherDefaults, ...given });
  const connection = new ScriptedConnection();
  const isTiming = ([name]: [string, unknown]) => /Timeouts?(Ms)?$|^breaker/.test(name);
  const timing = Object.fromEntries(Object.entries(options).filter(isTiming));
  const ofMiddleware = Object.fromEntries(Object.entries(options).filter((option) => !isTiming(option)));
  const events: LimitEvent[] = [];
  const lockwatch = new LockWatch(connection, { ...timing, service: service as string | undefined, log: () => undefined, onEvent: (event) => void events.push(event) });
  let current: Step | undefined;
  let called: boolean;
  const served = await serve(
    framework,
    { ...ofMiddleware, redis: lockwatch },
    ({ state, answer }) => {
      called = true;
      const { status, headers, body, user } = current?.app ?? (current?.request.websocket ? ACCEPTED : defaults.app);
      if (state && user !== undefined) state.user = user;
      answer(status, headers, body);
    },
    (request) => disguise(request, current as Step),
    (limit) => {
      const placed = current?.route_limit;
      if (!placed) return undefined;
      const { limits = placed.limits, ...others } = optionsOf(placed.options) as { limits?: string };
      return limit(lockwatch, limits, others);
    },
  );
  try {
    for (const step of steps) {
      if (step.after_ms !== undefined) await pause(step.after_ms);
      current = step;
      called = false;
      events.length = 0;
      connection.begin(step);
      await perform(framework, served, step, lockwatch, connection);
      assert.equal(called, step.app_called, "whether the application was called");
      if (step.events) assert.deepEqual(events, step.events);
      const { requests, limitsOff } = lockwatch.stats();
      if (step.stats) assert.deepEqual({ requests, limits_off: limitsOff }, step.stats);
    }
  } finally {
    await served.close();
  }
}

/** An application that accepts the handshake of a WebSocket. */
const ACCEPTED: App = { status: 101, headers: [], body: "" };

function send({ port }: Served, { method, path, headers, websocket }: Step["request"]): Promise<Answer> {
  const known = METHODS.includes(method) ? method : "GET";
  if (websocket) return handshake(port, path, { method: known, headers: ["Host", "localhost", ...headers.flat().map(onTheWire)] });
  return ask(port, path, { method: known, headers: ["Host", "localhost", "Content-Length", "0", ...headers.flat().map(onTheWire)] });
}

async function perform(framework: Framework, served: Served, step: Step, lockwatch: LockWatch, connection: ScriptedConnection): Promise<void> {
  const response = await send(served, step.request);
  await served.ended;
  await Promise.all([lockwatch.auditQueue.drained(), lockwatch.corrections.drained(), lockwatch.outcomes.drained()]);
  const expected = step.response;
  if (expected.configuration_error !== undefined) {
    assert.ok(served.error instanceof ConfigurationError);
    assert.ok(served.error.message.includes(expected.configuration_error), served.error.message);
    return;
  }
  assert.ifError(served.error);
  assert.equal(response.status, expected.status);
  for (const [name, value] of Object.entries(expected.headers)) assert.equal(response.header(name), value, name);
  for (const name of expected.present ?? []) assert.notEqual(response.header(name), undefined, name);
  for (const name of expected.absent) assert.equal(response.header(name), undefined, name);
  // Hono sends no body with a handshake that it refuses.
  const hasBody = !(framework === "hono" && step.request.websocket);
  if (expected.body !== null) assert.equal(response.body, hasBody ? expected.body : "");
  if (expected.failure !== undefined) assert.equal(served.state?.failure ?? null, expected.failure);
  const roundTrip = step.round_trip.map(({ command }) => command);
  const sent = [roundTrip, step.route_limit?.command && [step.route_limit.command], step.audit && [step.audit]].flatMap(writes);
  assert.deepEqual(connection.writes, sent.map(latencyShape(connection)));
  assert.deepEqual(connection.corrections, (step.after_response ?? []).map(({ command }) => command));
}

/** Node writes each character of a header as one byte. */
function onTheWire(text: string): string {
  return Buffer.from(text).toString("latin1");
}

/** One write, or none for no commands. */
function writes(commands: string[][] | null | undefined): string[][][] {
  return commands && commands.length > 0 ? [commands] : [];
}

/** Replaces the file's placeholder by the latency that was sent, if that has the right form. */
function latencyShape(connection: ScriptedConnection) {
  return (write: string[][], index: number) =>
    write.map((command, position) =>
      command.map((text, argument) => {
        const actual = connection.writes[index]?.[position]?.[argument];
        return text === "<latency>" && actual !== undefined && /^\d+\.\d{3}ms$/.test(actual) ? actual : text;
      }),
    );
}

function disguise(request: IncomingMessage, step: Step): void {
  Object.defineProperty(request.socket, "remoteAddress", { value: step.request.peer ?? undefined, configurable: true });
  request.method = step.request.method;
}

describe("limit strings", () => {
  for (const { text, limits } of conformance.limit_strings) {
    it(`'${text}'`, () => {
      assert.deepEqual(parseLimits(text), limits.map(([limit, windowMs]) => ({ limit, windowMs })));
    });
  }
  for (const { text, policy } of conformance.policy_limit_strings) {
    it(`'${text}' is a policy of the server`, () => {
      assert.deepEqual(parseLimits(text), new ServerPolicy(policy));
    });
  }
  for (const text of conformance.bad_limit_strings) {
    it(`'${text}' is refused`, () => {
      assert.throws(() => parseLimits(text), RangeError);
    });
  }
});

describe("policy names", () => {
  for (const { pattern, name } of conformance.policy_names) {
    it(pattern, () => {
      assert.equal(policyName(pattern), name);
    });
  }
});

describe("names of users", () => {
  for (const { text, sent } of conformance.guard_users) {
    it(`'${text}'`, () => {
      assert.equal(userArgument(text), sent);
    });
  }
});

describe("digests of passwords", () => {
  for (const { key, password, digest } of conformance.password_digests) {
    it(`'${password}'`, () => {
      assert.equal(passwordDigest(key, password), digest);
    });
  }
});

describe("logins with a guard", () => {
  for (const each of conformance.guard_attempts) it(each.name, () => login(each));
});

async function login({ options, attempt: { ip, user, password, device }, asked, result, retry_after, says = [], told = [] }: GuardCase): Promise<void> {
  const stub = new Stub().answer("LW.ATTEMPT", ...asked.map(({ reply }) => reply));
  const lockwatch = new LockWatch(stub, { log: () => undefined });
  const guard = forExpress.guard(lockwatch, "login", optionsOf(options) as never);
  const headers = device === undefined ? {} : { cookie: `lw_device=${device}` };
  const attempt = guard.attempt({ socket: { remoteAddress: ip }, headers } as never, { user, password });
  if (result === "goes on") {
    const goingOn = (await attempt) as unknown as Record<string, () => void>;
    for (const outcome of says) goingOn[camelCase(outcome)]?.();
  } else {
    await assert.rejects(attempt, (error) => {
      if (result === "configuration_error") return error instanceof ConfigurationError;
      assert.ok(error instanceof AttemptDeniedError);
      assert.equal(error.status, result === "denied" ? 429 : 503);
      if (result === "denied") assert.equal(error.retryAfterSeconds ?? null, retry_after);
      return true;
    });
  }
  await lockwatch.outcomes.drained();
  assert.deepEqual(stub.calls, [...asked.map(({ command }) => command), ...told]);
}

describe("limits of messages", () => {
  for (const { name, limits, steps } of conformance.message_limits) {
    it(name, () => {
      let now = 0;
      const messages = new MessageLimit(limits, () => now);
      for (const { at_ms: at, cost, allowed, retry_after_ms: wait } of steps) {
        now = at;
        assert.equal(messages.allow(cost), allowed, `at ${at} ms`);
        assert.equal(messages.retryAfter, wait / 1000, `at ${at} ms`);
      }
    });
  }
  for (const text of conformance.bad_message_limits) {
    it(`'${text}' is refused`, () => {
      assert.throws(() => messageLimit(text), ConfigurationError);
    });
  }
});

describe("start-up errors", () => {
  for (const { name, options } of conformance.startup_errors) {
    it(name, () => {
      const redis = new ScriptedConnection();
      assert.throws(() => forExpress.lockwatch({ ...optionsOf(options), redis }), /\S/);
    });
  }
});
