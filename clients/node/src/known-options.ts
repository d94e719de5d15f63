/** An option that nobody reads is one that somebody believes in: a misspelt limit, or a scope that is not asked for. */
import { ConfigurationError } from "./errors.js";

/** Every name of an options type; the compiler sees to it that none is missing. */
export type Names<Options> = Readonly<Record<keyof Options, true>>;

export function checkOptions<Options extends object>(options: Options, names: Names<Options>, of: string): void {
  if ((options as unknown) === null || typeof options !== "object") throw new ConfigurationError(`the options of ${of} are not an object`);
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(names, name));
  if (unknown !== undefined) {
    throw new ConfigurationError(`${of} has no option '${unknown}': there are ${Object.keys(names).join(", ")}`);
  }
}
