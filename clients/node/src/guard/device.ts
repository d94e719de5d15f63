/**
 * A cookie with 16 random bytes, new after each login. A guard remembers the newest eight of a user.
 * So a user with a known one gets in while others are banned at the same address.
 */
import { randomBytes } from "node:crypto";
import { checkPrefix, COOKIE_DOMAIN, COOKIE_NAME, COOKIE_PATH, cookieOf } from "../http/cookies.js";
import type { AnyRequest } from "../http/framework.js";
import { checkOptions, type OptionRules } from "../known-options.js";
import { BOOLEAN } from "../rules.js";

export interface DeviceCookieOptions {
  name?: string | undefined;
  /** Where browsers send the cookie to; `/` unless given. */
  path?: string | undefined;
  /** The domain whose hosts all get the cookie; only the host of the request unless given. */
  domain?: string | undefined;
  /** `false` lets browsers send it over plain HTTP, for development on one's own machine. */
  secure?: boolean | undefined;
}

export const DEVICE_COOKIE_OPTIONS: OptionRules<DeviceCookieOptions> = {
  name: COOKIE_NAME,
  path: COOKIE_PATH,
  domain: COOKIE_DOMAIN,
  secure: BOOLEAN,
};

const BYTES = 16;
const FORMAT = /^[0-9a-f]{32}$/;
/** As long as a guard remembers a device: 90 days. */
const MAX_AGE = 90 * 86_400;

export class DeviceCookie {
  readonly #name: string;
  readonly #attributes: string;

  constructor(options: DeviceCookieOptions) {
    checkOptions(options, DEVICE_COOKIE_OPTIONS, "deviceCookie");
    const { name = "lw_device", path = "/", domain, secure = true } = options;
    checkPrefix({ name, path, domain, secure }, "deviceCookie");
    this.#name = name;
    this.#attributes = `; Max-Age=${MAX_AGE}; Path=${path}${domain === undefined ? "" : `; Domain=${domain}`}; HttpOnly${secure ? "; Secure" : ""}; SameSite=Lax`;
  }

  /** Undefined if the request has none, or one that no guard has made. */
  read(request: AnyRequest): string | undefined {
    const device = cookieOf(request, this.#name);
    return device !== undefined && FORMAT.test(device) ? device : undefined;
  }

  /** The value of a `Set-Cookie` header. */
  header(device: string): string {
    return `${this.#name}=${device}${this.#attributes}`;
  }
}

export function newDevice(): string {
  return randomBytes(BYTES).toString("hex");
}
