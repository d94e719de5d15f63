/** The media type of a body, chosen by the header `Accept` (RFC 9110). */

export const JSON_TYPE = "application/json";

/** Clients decide how long the header is. A longer one is not read. */
const MAX_ACCEPT = 1024;
/** Ranges, of which the first one that is named counts for JSON. */
const RANGES = ["application/*", "*/*"];

/**
 * The offered type with the highest quality, and the first of equal ones. A type is matched by its
 * name, and ranges with `*` match JSON alone, so that a client gets another type only if it asks for
 * it. JSON if nothing matches.
 */
export function preferredType(accept: string | undefined, offered: readonly string[]): string {
  if (accept === undefined || accept === "" || accept.length > MAX_ACCEPT) return JSON_TYPE;
  const qualities = qualitiesOf(accept);
  let best = JSON_TYPE;
  let highest = 0;
  for (const type of offered) {
    const quality = qualities.get(type) ?? 0;
    if (quality > highest) [best, highest] = [type, quality];
  }
  return best;
}

function qualitiesOf(accept: string): Map<string, number> {
  const qualities = new Map<string, number>();
  for (const element of accept.split(",")) {
    const [name = "", ...parameters] = element.split(";");
    const quality = qualityOf(parameters);
    if (quality === undefined) continue;
    const type = name.trim().toLowerCase();
    qualities.set(type, Math.max(quality, qualities.get(type) ?? 0));
  }
  const range = RANGES.find((each) => qualities.has(each));
  if (range !== undefined && !qualities.has(JSON_TYPE)) qualities.set(JSON_TYPE, qualities.get(range) ?? 0);
  return qualities;
}

/** The first `q` among the parameters, 1 without one; undefined if it is none. */
function qualityOf(parameters: readonly string[]): number | undefined {
  for (const parameter of parameters) {
    const match = /^\s*q\s*(?:=\s*(.*?)\s*)?$/is.exec(parameter);
    if (match) return /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(match[1] ?? "") ? Number(match[1]) : undefined;
  }
  return 1;
}
