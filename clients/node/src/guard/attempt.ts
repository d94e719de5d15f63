/** An attempt at a login that a guard has let through, and its outcome. */
import { debuglog } from "node:util";
import { ConfigurationError } from "../errors.js";
import { eventCommand, type GuardCaller, type GuardResult } from "../guard.js";
import { addCookie, type AnyResponse } from "../http/framework.js";
import type { OutcomeQueue } from "../outcome-queue.js";
import type { Bytes } from "../redis/connection.js";
import { newDevice, type DeviceCookie } from "./device.js";

/** What the outcomes of an attempt are sent with. */
export interface AttemptHome {
  readonly queue: OutcomeQueue;
  readonly key: Bytes;
  readonly who: GuardCaller;
  /** The digest of the password, if there is one. */
  readonly value: Bytes | undefined;
  readonly cookie: DeviceCookie | undefined;
}

const debug = debuglog("lockwatch");
let isHinted = false;

/**
 * Tell it the outcome by `failed`, `unknown`, `mfaFailed` or `succeeded`. Without an outcome, for
 * example after an exception, the attempt stays charged to the user at this address. Outcomes are sent
 * after the call has returned, also if the request is cancelled, and are never repeated.
 */
export class Attempt {
  #told: string | undefined;
  #device: Bytes | undefined;

  /** Made by `Guard`. */
  constructor(
    private readonly home: AttemptHome | undefined,
    /** What LW.ATTEMPT answered; undefined if Redis was away and the guard lets logins through then. */
    readonly result: GuardResult | undefined,
  ) {
    this.#device = home?.who.device;
  }

  /** The password is wrong. */
  failed(): void {
    this.#tell("failure", this.home?.value);
  }

  /** There is no such user. */
  unknown(): void {
    this.#tell("unknown", this.home?.value);
  }

  /** The password is right, and a second factor is needed. Another outcome may follow. */
  passwordOk(): void {
    this.#tell("password");
  }

  /** The second factor is wrong. Another outcome may follow. */
  mfaFailed(): void {
    this.#tell("mfa");
  }

  /**
   * The login is complete. If the response is given, it sets a new device cookie, by which the guard
   * will know the browser again.
   */
  succeeded(response?: AnyResponse): void {
    const cookie = response && this.renewDevice();
    this.#tell("success");
    if (response && cookie !== undefined) addCookie(response, cookie);
  }

  /**
   * Draws a new device, which `succeeded` then makes known to the guard. Returns the value of its
   * `Set-Cookie` header, for a response that `succeeded` is not given; undefined without a cookie.
   */
  renewDevice(): string | undefined {
    const cookie = this.home?.cookie;
    if (!cookie) return undefined;
    this.#device = newDevice();
    return cookie.header(this.#device);
  }

  /** Whether nothing was told but that the password is right. */
  get isOpen(): boolean {
    return this.#told === undefined || this.#told === "password";
  }

  /** Whether an outcome was told. */
  get isTold(): boolean {
    return this.#told !== undefined;
  }

  #tell(kind: string, value?: Bytes): void {
    if (this.#told !== undefined && FINAL.has(this.#told)) {
      throw new ConfigurationError(`an attempt is told '${kind}' after '${this.#told}': tell each attempt one outcome`);
    }
    this.#told = kind;
    const { home } = this;
    const device = this.#device;
    if (home) home.queue.record(() => eventCommand(home.key, kind, { ...home.who, value, device }));
  }
}

/** Outcomes after which no other one follows. */
const FINAL = new Set(["failure", "unknown", "success"]);

/** Says once, to those who debug with `NODE_DEBUG=lockwatch`, that a login ended without an outcome. */
export function hintAtOutcome(): void {
  if (isHinted) return;
  isHinted = true;
  debug("a login ended without an outcome and counts as open: call failed, unknown, passwordOk, mfaFailed or succeeded of the attempt");
}
