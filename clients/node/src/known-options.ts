/**
 * Refuses unknown options, because a misspelt one would silently leave a limit or a scope
 * unchecked.
 */
import { ConfigurationError } from "./errors.js";

/** Every name of an options type. The compiler reports a missing one. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>;

export function checkOptions<Options extends object>(options: Options, names: OptionNames<Options>, of: string): void {
  if ((options as unknown) === null || typeof options !== "object") throw new ConfigurationError(`the options of ${of} are not an object`);
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(names, name));
  if (unknown !== undefined) {
    throw new ConfigurationError(`${of} has no option '${unknown}': there are ${Object.keys(names).join(", ")}`);
  }
}
