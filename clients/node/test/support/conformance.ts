/** The conformance file, and a connection that replies what a case says. */
import { readFileSync } from "node:fs";
import { ADDRESS, ServerError, type Command, type Connection, type LimitEvent, type Denial, type Stats } from "lockwatch";

export type Scripted = (number | string | null)[] | number | string | { error: string } | { failure: "timeout" | "closed" };

/** A reply as a server writes it. The fields of a map are in order. */
export type WireReply = WireReply[] | number | string | null | { map: [string, WireReply][] } | { error: string } | { failure: "timeout" | "closed" };

export interface Exchange {
  command: string[];
  reply: Scripted;
}

export interface Step {
  after_ms?: number;
  redis?: "refused";
  request: { method: string; path: string; headers: [string, string][]; peer: string | null; websocket?: boolean };
  app?: App;
  round_trip: Exchange[];
  route_limit?: { command: string[] | null; reply: Scripted; limits: string; options: Options };
  app_called: boolean;
  response: { status: number; headers: Record<string, string>; present?: string[]; absent: string[]; body: string | null; failure?: string | null; configuration_error?: string };
  audit: string[] | null;
  audit_reply?: Scripted;
  after_response?: Exchange[];
  events?: LimitEvent[];
  stats?: { requests: Stats["requests"]; limits_off: boolean };
}

/** A login with a guard. */
export interface GuardCase {
  name: string;
  options: Options;
  attempt: { ip: string; user?: string; password?: string; device?: string };
  asked: Exchange[];
  result: "goes on" | "denied" | "unavailable" | "configuration_error";
  retry_after?: number | null;
  says?: string[];
  told?: string[][];
}

export interface WireExchange {
  command: string[];
  reply: WireReply;
}

/** A call of a method of the client. */
export interface CallCase {
  name: string;
  method: string;
  args: Options;
  slow?: boolean;
  command?: string[] | null;
  reply?: WireReply;
  exchanges?: WireExchange[];
  result?: unknown;
  error?: { kind: string; code?: string; message_has?: string };
}

/** A limit on the messages of a connection. */
export interface MessageCase {
  name: string;
  limits: string;
  steps: { at_ms: number; cost: number; allowed: boolean; retry_after_ms: number }[];
}

export interface App {
  status: number;
  headers: [string, string][];
  body: string;
  user?: string;
}

export type Options = Record<string, unknown>;

export interface Conformance {
  version: number;
  defaults: { options: Options; app: App; audit_reply: Scripted };
  cases: { name: string; options: Options; steps: Step[] }[];
  limit_strings: { text: string; limits: [number, number][] }[];
  policy_limit_strings: { text: string; policy: string }[];
  bad_limit_strings: string[];
  policy_names: { pattern: string; name: string }[];
  calls: CallCase[];
  origins: { text: string; origin?: string; error?: string }[];
  guard_users: { text: string; sent: string }[];
  password_digests: { key: string; password: string; digest: string }[];
  guard_attempts: GuardCase[];
  message_limits: MessageCase[];
  bad_message_limits: string[];
  startup_errors: { name: string; options: Options }[];
}

export const conformance = JSON.parse(readFileSync(new URL("../../../conformance.json", import.meta.url), "utf8")) as Conformance;

/** Translates the file's option names to this client's. */
export function optionsOf(given: Options): Options {
  const options: Options = {};
  for (const [name, value] of Object.entries(given)) {
    if (name.endsWith("_returns")) options[camelCase(name.slice(0, -"_returns".length))] = () => constantOf(value);
    else if (name === "count_when_status") options.countWhen = ({ status }: { status: number }) => (value as number[]).includes(status);
    else if (name.endsWith("_timeout")) options[`${camelCase(name)}Ms`] = Number(value) * 1000;
    else if (name === "error_bodies_echo") options.errorBodies = { ...(options.errorBodies as Options), ...Object.fromEntries((value as string[]).map((type) => [type, echo])) };
    else if (name === "routes") options.routes = mapValues(value as Options, policyOf);
    else options[camelCase(name)] = value;
  }
  return options;
}

function echo(_request: unknown, { status, error, retryAfter, policy }: Denial): object {
  return { status, error, retry_after: retryAfter, policy };
}

function constantOf(value: unknown): unknown {
  return (value as { constant?: unknown } | null)?.constant === "ADDRESS" ? ADDRESS : value;
}

function policyOf(policy: unknown): unknown {
  return policy instanceof Object && !Array.isArray(policy) ? optionsOf(policy as Options) : policy;
}

function mapValues(object: Options, map: (value: unknown) => unknown): Options {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, map(value)]));
}

export function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

export class ScriptedConnection implements Connection {
  /** The writes since the step began. */
  writes: string[][][] = [];
  /** The commands since the step began that correct a limit, or tell a guard something, after the response. */
  corrections: string[][] = [];
  #step: Step | undefined;

  begin(step: Step): void {
    this.#step = step;
    this.writes = [];
    this.corrections = [];
  }

  ready(): Promise<void> | undefined {
    return this.#step?.redis === "refused" ? Promise.reject(new Error("connect ECONNREFUSED 127.0.0.1:6379")) : undefined;
  }

  send(commands: readonly Command[]): Promise<unknown[]> {
    const write = commands.map(({ args }) => args.map(String));
    if (write.every(isCorrection)) {
      this.corrections.push(...write);
      return Promise.all(write.map((_, index) => perform(this.#step?.after_response?.[index]?.reply, "a correction")));
    }
    this.writes.push(write);
    return Promise.all(write.map((command, index) => this.#answer(command, index)));
  }

  reset(): void {
    // There is no socket.
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #answer([name, key = ""]: string[], index: number): Promise<unknown> {
    const step = this.#step as Step;
    const isRouteLimit = key.includes("}:limit:");
    const audit = step.audit_reply ?? conformance.defaults.audit_reply;
    const reply = name === "LW.AUDIT" ? audit : (isRouteLimit ? step.route_limit : step.round_trip[index])?.reply;
    return perform(reply, String(name));
  }
}

function isCorrection(command: readonly string[]): boolean {
  return command[0] === "LW.REFUND" || command[0] === "LW.EVENT" || command.at(-1) === "FORCE";
}

function perform(reply: Scripted | undefined, of: string): Promise<unknown> {
  if (reply === undefined) return Promise.reject(new Error(`nothing is scripted for ${of}`));
  if (typeof reply !== "object" || Array.isArray(reply)) return Promise.resolve(reply);
  if ("error" in reply) return Promise.resolve(new ServerError(reply.error));
  return reply.failure === "closed" ? Promise.reject(new Error("Connection is closed.")) : new Promise(() => undefined);
}
