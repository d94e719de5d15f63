/** Commands as Redis reads them. */
import { libraryArgument, type Command } from "./connection.js";

/** Commands of calls, in the order of their replies. A text if all arguments are texts. */
export function packed(calls: readonly { readonly commands: readonly Command[] }[]): string | Buffer {
  let text = "";
  /** What comes before `text`. */
  const pieces: Buffer[] = [];
  for (const { commands } of calls) {
    for (const { args } of commands) {
      text += `*${args.length}\r\n`;
      for (const arg of args) {
        if (typeof arg === "string") text += `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`;
        else {
          pieces.push(Buffer.from(`${text}$${arg.byteLength}\r\n`), libraryArgument(arg) as Buffer);
          text = "\r\n";
        }
      }
    }
  }
  return pieces.length === 0 ? text : Buffer.concat([...pieces, Buffer.from(text)]);
}
