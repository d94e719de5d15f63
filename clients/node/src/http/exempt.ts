/** Members of `exempt`: patterns of paths, and addresses and networks of clients. */
import { Networks } from "./networks.js";
import { Pattern } from "./pattern.js";

/** A slash, or methods and a slash, with which no address starts. */
const PATTERN = /^(?:[A-Za-z]+(?:,[A-Za-z]+)*\s+)?\//;

export function exemptPatterns(members: readonly string[]): Pattern[] {
  return members.filter((text) => PATTERN.test(text)).map((text) => new Pattern(text));
}

export function exemptClients(members: readonly string[]): Networks {
  return new Networks(
    members.filter((text) => !PATTERN.test(text)),
    "the exempt client",
  );
}

/** Throws a ConfigurationError for what is neither. */
export function checkExempt(text: string): void {
  exemptPatterns([text]);
  exemptClients([text]);
}
