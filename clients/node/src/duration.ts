/** Durations as users write them and as the module reads them. */

/** Seconds, or a text with a unit: `60`, `0.5`, `"500ms"`, `"90s"`, `"5m"`, `"1h"`, `"7d"`. */
export type Duration = number | string;

const MS = 1;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const UNITS: Readonly<Record<string, number>> = {
  ms: MS,
  ...named(SECOND, "s", "sec", "second", "seconds"),
  ...named(MINUTE, "m", "min", "minute", "minutes"),
  ...named(HOUR, "h", "hour", "hours"),
  ...named(DAY, "d", "day", "days"),
  // As in the Python package limits, which slowapi and Flask-Limiter use.
  ...named(30 * DAY, "month", "months"),
  ...named(360 * DAY, "year", "years"),
};

/** The longest window of the module. */
const MAX_MS = 3650 * DAY;

function named(ms: number, ...names: string[]): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, ms]));
}

/** Rounded up. */
export function milliseconds(duration: Duration): number {
  const ms = typeof duration === "number" ? duration * SECOND : parse(duration);
  // 1.1 s is 1100.0000000000002 ms in floating point, which must not become 1101.
  return Math.ceil(ms - 1e-6);
}

function parse(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)?\s*([a-z]*)\s*$/i.exec(text);
  const [, count, unit] = match ?? [];
  const size = unit ? UNITS[unit.toLowerCase()] : SECOND;
  if (size === undefined || (count === undefined && !unit)) {
    throw new RangeError(`duration '${text}' is not a number of seconds or a number with a unit (ms, s, m, h, d)`);
  }
  return (count === undefined ? 1 : Number(count)) * size;
}

/** Throws a RangeError outside of a millisecond to ten years. */
export function windowMs(duration: Duration): number {
  const ms = milliseconds(duration);
  if (ms >= 1 && ms <= MAX_MS) return ms;
  throw new RangeError(`window '${duration}' is not between one millisecond and ten years`);
}

/** As an argument of a command: whole seconds as a bare number, others as `500ms`. */
export function durationArgument(ms: number): string {
  return ms % SECOND === 0 ? String(ms / SECOND) : `${ms}ms`;
}

export function secondsRoundedUp(ms: number): number {
  return Math.ceil(ms / SECOND);
}
