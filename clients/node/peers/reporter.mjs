// A reporter of node:test: one JSON with the names of the tests, those of their suites in front.
export default async function* reporter(source) {
  const outcomes = { passed: [], failed: [] };
  const suites = [];
  for await (const { type, data } of source) {
    if (type === "test:start") suites[data.nesting] = data.name;
    if (type !== "test:pass" && type !== "test:fail") continue;
    const isSuite = data.details?.type === "suite" || data.name.endsWith(".js");
    const name = [...suites.slice(0, data.nesting), data.name].filter((each) => !each.endsWith(".js")).join(" > ");
    if (!isSuite) outcomes[type === "test:pass" ? "passed" : "failed"].push(name);
  }
  yield JSON.stringify(outcomes);
}
