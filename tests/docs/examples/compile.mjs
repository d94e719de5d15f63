// Compiles the TypeScript on standard input to an ES module, without checking types.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

// From the page's packages, not from this file's directory.
const ts = createRequire(`${process.cwd()}/page.mjs`)("typescript");

const { outputText, diagnostics } = ts.transpileModule(readFileSync(0, "utf8"), {
  compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
  reportDiagnostics: true,
});
if (diagnostics.length > 0) {
  for (const { messageText } of diagnostics) console.error(ts.flattenDiagnosticMessageText(messageText, "\n"));
  process.exit(1);
}
process.stdout.write(outputText);
