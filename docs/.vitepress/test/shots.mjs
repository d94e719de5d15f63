// Takes screenshots of the built site: node shots.mjs SITE DIRECTORY
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { openBrowser, search, serve } from "./browser.mjs";

const [site, directory] = process.argv.slice(2);
const screens = [
  { name: "desktop", viewport: { width: 1280, height: 800 } },
  { name: "phone", viewport: { width: 390, height: 844 } },
];
const shots = {
  home: "/",
  tutorial: "/tutorials/first-limit.html",
  command: "/reference/commands/lw.ratelimit.html",
  search: "/",
};

mkdirSync(directory, { recursive: true });
const server = await serve(site);
const { browser, close } = await openBrowser();
try {
  for (const { name: screen, viewport } of screens) {
    for (const colorScheme of ["light", "dark"]) {
      const context = await browser.newContext({ viewport, colorScheme });
      const page = await context.newPage();
      for (const [name, path] of Object.entries(shots)) {
        await page.goto(`${server.origin}${path}`, { waitUntil: "networkidle" });
        if (name === "search") {
          await search(page, "retry_after");
          await page.waitForTimeout(300);
        }
        const file = join(directory, `${name}-${screen}-${colorScheme}.png`);
        // The whole page would be a long strip on a phone.
        await page.screenshot({ path: file });
        console.log(file);
      }
      await context.close();
    }
  }
} finally {
  await close();
  server.stop();
}
