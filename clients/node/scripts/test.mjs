// Compiles the tests and runs all of them, or those that are named: `npm test -- cluster tls`.
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");

if (!process.env.LOCKWATCH_MODULE) {
  console.error("where is the module? LOCKWATCH_MODULE=/path/to/liblockwatch.so npm test");
  process.exit(2);
}

const named = process.argv.slice(2);
rmSync(`${root}/.test`, { recursive: true, force: true });
run(tsc, "-p", "test");
const files = readdirSync(`${root}/.test`)
  .filter((file) => file.endsWith(".test.js"))
  .filter((file) => named.length === 0 || named.includes(file.replace(".test.js", "")));
run("--test", "--test-reporter=spec", "--test-concurrency=2", "--test-timeout=120000", ...files.map((file) => `.test/${file}`));

function run(...args) {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
