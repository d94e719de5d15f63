// Reads the results of a peer's tests and fails if there are none, or if one failed that is not in
// different.json, or if one that is there did not run: `node verdict.mjs PEER FILE`.
import { readFileSync } from "node:fs";

const [peer, file] = process.argv.slice(2);
const known = JSON.parse(readFileSync(new URL("different.json", import.meta.url), "utf8"))[peer] ?? {};
const results = JSON.parse(readFileSync(file, "utf8"));

/** The names of tests by outcome, from the JSON of Mocha, Jest, Vitest or `reporter.mjs`. */
function outcomes({ passes, failures, testResults, passed, failed }) {
  if (failures) return { passed: passes.map(({ fullTitle }) => fullTitle), failed: failures.map(({ fullTitle }) => fullTitle) };
  if (failed) return { passed, failed };
  const named = (status) => testResults.flatMap(({ assertionResults }) => assertionResults.filter((one) => one.status === status).map(({ fullName }) => fullName));
  const broken = testResults.filter(({ status, assertionResults }) => status === "failed" && assertionResults.length === 0).map(({ name }) => name);
  return { passed: named("passed"), failed: [...named("failed"), ...broken] };
}

const { passed, failed } = outcomes(results);
const unexpected = failed.filter((name) => !Object.hasOwn(known, name));
// Also those that did not run, because what ran them was cut off.
const missing = Object.keys(known).filter((name) => !failed.includes(name) && !passed.includes(name));
console.log(`${peer}: ${passed.length} tests passed, ${failed.length - unexpected.length} differ by design`);
for (const name of failed) console.log(`  ${Object.hasOwn(known, name) ? "differs" : "FAILED "}  ${name}${Object.hasOwn(known, name) ? `: ${known[name]}` : ""}`);
for (const name of missing) console.log(`  MISSING  ${name}`);
if (unexpected.length > 0 || missing.length > 0 || passed.length === 0) process.exit(1);
