/** Checks what functions of the application return in place of options: limits and a cost. */
import { inspect } from "node:util";
import { ConfigurationError } from "../errors.js";
import { checkOption } from "../known-options.js";
import { parseLimits, type Limits, type ParsedLimits } from "../limits.js";
import { COST, required } from "../rules.js";

/** The limits that the function given as `option` returned; undefined if it returned nothing. */
export function returnedLimits(option: string, returned: Limits | null | undefined): ParsedLimits | undefined {
  return returned === null || returned === undefined ? undefined : checked(option, returned, parseLimits);
}

export function returnedCost(returned: number): number {
  return checked("cost", returned, (cost) => {
    checkOption("cost", cost, required(COST));
    return cost;
  });
}

/** What a function returned may be text of a client, which is not to fill the log. */
const SHOWN = 64;

function checked<Given, Result>(option: string, returned: Given, check: (given: Given) => Result): Result {
  try {
    return check(returned);
  } catch (error) {
    throw new ConfigurationError(`the function that is given as ${option} returned ${inspect(returned, { depth: 1, maxStringLength: SHOWN })}: ${(error as Error).message.slice(0, 3 * SHOWN)}`);
  }
}
