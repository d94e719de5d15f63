// Builds the package: CommonJS by tsc, and for `import` a module that re-exports it. A second build
// would
// have error classes of its own, and a program that loads both builds could not catch them by
// class.
import { execFileSync } from "node:child_process";
import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const root = new URL("..", import.meta.url);
const dist = new URL("dist/", root);

rmSync(dist, { recursive: true, force: true });
execFileSync(process.execPath, [require.resolve("typescript/bin/tsc"), "-p", "."], { cwd: root, stdio: "inherit" });
// The package is of type module, and these files are CommonJS.
copyFileSync(new URL("src/package.json", root), new URL("package.json", dist));

for (const { require: entry } of Object.values(JSON.parse(readFileSync(new URL("package.json", root), "utf8")).exports)) {
  if (!entry) continue;
  const name = entry.default.replace(/^.*\/|\.js$/g, "");
  const exported = Object.keys(require(new URL(`${name}.js`, dist).pathname)).sort();
  writeFileSync(new URL(`${name}.mjs`, dist), `export { ${exported.join(", ")} } from "./${name}.js";\n`);
  writeFileSync(new URL(`${name}.d.mts`, dist), `export * from "./${name}.js";\n`);
}
