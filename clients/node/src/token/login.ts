/** Who logged in, as the application says. */
import { ConfigurationError } from "../errors.js";

/** An authenticated user. */
export interface Login {
  subject: string | number;
  /** Claims of the application for the access token, like `{ scope: "orders:read" }`. */
  claims?: Readonly<Record<string, unknown>> | undefined;
  /** One name, or up to eight. */
  audience?: string | readonly string[] | undefined;
  /** Kept with the session and returned by `sessions`; what the routes send unless given. */
  meta?: unknown;
}

/** What `authenticate` may return: a login, the subject alone, or nothing for wrong credentials. */
export type Known = Login | string | number | false | null | undefined;

/** Undefined for wrong credentials. */
export function loginOf(returned: unknown): Login | undefined {
  if (returned === null || returned === undefined || returned === false) return undefined;
  const login = isSubject(returned) ? { subject: returned } : (returned as Login);
  if (login.subject === "") throw new ConfigurationError("authenticate returned an empty subject: return null for wrong credentials");
  if (isSubject(login.subject)) return login;
  const what = typeof returned === "object" ? "an object whose subject is not a text or a number" : `a ${typeof returned}`;
  throw new ConfigurationError(`authenticate returned ${what}: expected { subject, claims }, a subject (a text or a number), or null for wrong credentials`);
}

function isSubject(value: unknown): value is string | number {
  return typeof value === "string" || Number.isFinite(value);
}
