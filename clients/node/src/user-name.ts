/**
 * User names as guards get them. All clients send the same bytes for the same name, so that
 * applications in several languages can share a guard.
 */
import { nameArgument, type Bytes, type Name } from "./redis/connection.js";

/** The white space that Python's `str.strip` removes. */
const MARGIN = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+";
const MARGINS = new RegExp(`^${MARGIN}|${MARGIN}$`, "g");
const ASCII = /^[\x21-\x7e]*$/;
const CHEROKEE = /\p{Script=Cherokee}/u;
const DOTLESS_I = "\u0131";

/**
 * A user as an argument: a text in NFKC, without white space around it, and case-folded. Bytes and,
 * without `normalize`, texts stay as they are.
 */
export function userArgument(user: Name, normalize = true): Bytes {
  const name = nameArgument(user);
  return normalize && typeof name === "string" ? normalizedUser(name) : name;
}

function normalizedUser(name: string): string {
  if (ASCII.test(name)) return name.toLowerCase();
  return Array.from(name.normalize("NFKC").replace(MARGINS, ""), folded).join("");
}

/** The full case folding of Unicode (`C` and `F` in CaseFolding.txt), which JavaScript does not have. */
function folded(character: string): string {
  if (character === DOTLESS_I) return character;
  if (CHEROKEE.test(character)) return character.toUpperCase();
  return character.toLowerCase().toUpperCase().toLowerCase();
}
