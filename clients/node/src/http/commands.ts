/** What is sent for a request, in one round trip before the application. */
import { burstCommand } from "../burst.js";
import { addressLimits, type ParsedLimits } from "../limits.js";
import type { Command } from "../redis/connection.js";
import type { Counted } from "./counted.js";
import { addressClient, headerBytes } from "./keys.js";
import { methodArgument } from "./pattern.js";
import type { Policy } from "./policies.js";
import type { HttpRequest, RateLimiter } from "./rate-limiter.js";
import { shortened, shortenedBytes } from "./shortened.js";
import type { LockWatchState } from "./state.js";

/** A request, and what decides on it. */
export interface Subject<Req> {
  readonly limiter: RateLimiter<Req>;
  readonly http: HttpRequest;
  readonly path: string;
  readonly policy: Policy;
  readonly counted: Counted;
  readonly state: LockWatchState;
  readonly address: string | undefined;
}

export interface LimitCall {
  readonly command: Command;
  readonly key: string;
  readonly limits: ParsedLimits;
  /** In the headers of the response. */
  readonly name: string;
}

/** The client of a request, and whether it is a credential, which nobody has verified. */
export interface RequestClient {
  readonly client: string;
  readonly isCredential: boolean;
}

/** The commands besides those of limits, as far as they are sent. */
export interface OtherCommands {
  readonly burst: Command | undefined;
  readonly check: Command | undefined;
}

export interface RoundTrip extends OtherCommands {
  /** None for a request to which no limit applies. */
  readonly calls: readonly LimitCall[];
  readonly cost: number;
  readonly commands: readonly Command[];
}

/** The key of the address, whatever key function the policy has. */
export function addressKey<Req>({ limiter, address, policy }: Subject<Req>): string {
  return limiter.keys.limit(addressClient(address, limiter.prefixes), policy.name);
}

/** The commands of a request to which a limit applies. */
export function roundTrip<Req>(subject: Subject<Req>, { client, isCredential }: RequestClient, limits: ParsedLimits, cost: number): RoundTrip {
  const { name } = subject.policy;
  const calls = [limitCall(subject, client, name, limits, cost, name)];
  let ofBurst = client;
  if (isCredential) {
    ofBurst = addressClient(subject.address, subject.limiter.prefixes);
    calls.push(limitCall(subject, ofBurst, `${name}:unverified`, limitsOfAddress(subject, limits), cost, `${name}-unverified`));
  }
  for (const { key } of calls) subject.counted.add(key);
  return tripOf(calls, cost, otherCommands(subject, ofBurst));
}

/** The commands of a request to which no limit applies: the burst of its address, and the guard. */
export function tripWithoutLimit<Req>(subject: Subject<Req>): RoundTrip {
  return tripOf([], 1, otherCommands(subject, addressClient(subject.address, subject.limiter.prefixes)));
}

function tripOf(calls: readonly LimitCall[], cost: number, { burst, check }: OtherCommands): RoundTrip {
  const commands = calls.map(({ command }) => command);
  if (burst) commands.push(burst);
  if (check) commands.push(check);
  return { calls, cost, burst, check, commands };
}

function limitCall<Req>({ limiter, policy }: Subject<Req>, client: string, kind: string, limits: ParsedLimits, cost: number, name: string): LimitCall {
  const key = limiter.keys.limit(client, kind);
  return { command: policy.charging.command(key, limits, cost), key, limits, name };
}

function limitsOfAddress<Req>({ limiter, policy }: Subject<Req>, limits: ParsedLimits): ParsedLimits {
  return (policy.ownLimits ? undefined : limiter.addressLimits) ?? addressLimits(limits);
}

/** Leaves out what another middleware has counted or asked. */
function otherCommands<Req>(subject: Subject<Req>, client: string): OtherCommands {
  return { burst: newBurst(subject, client), check: newCheck(subject) };
}

function newBurst<Req>({ limiter: { burst, keys }, http, path, address, counted }: Subject<Req>, client: string): Command | undefined {
  if (!burst) return undefined;
  const key = keys.burst(client);
  if (!counted.claim(key)) return undefined;
  const agent = http.header("user-agent");
  return burstCommand(key, burst.threshold, burst.windowMs, {
    cooldown: burst.cooldown,
    ip: address,
    endpoint: shortened(path),
    method: methodArgument(http.method),
    agent: agent === undefined ? undefined : shortenedBytes(headerBytes(agent)),
  });
}

function newCheck<Req>({ limiter: { site }, state, counted }: Subject<Req>): Command | undefined {
  const command = site?.check(state);
  return site && command && counted.claim(`guard ${String(site.key)}`) ? command : undefined;
}
