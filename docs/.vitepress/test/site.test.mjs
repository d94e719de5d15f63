// Checks the site that `scripts/docs.sh build` has built: links, sources, search, narrow screens.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { after, before, test } from "node:test";

import { openBrowser, search, serve } from "./browser.mjs";

const site = process.env.LOCKWATCH_DOCS_SITE ?? assert.fail("LOCKWATCH_DOCS_SITE names the built site");
const files = readdirSync(site, { recursive: true }).map(String);
const pages = files.filter((file) => file.endsWith(".html") && file !== "404.html").sort();
const htmlOf = new Map(pages.map((page) => [page, readFileSync(join(site, page), "utf8")]));

let server;
let opened;
before(async () => {
  server = await serve(site);
  opened = await openBrowser();
});
after(async () => {
  await opened?.close();
  server?.stop();
});

test("every link leads to a file, and every anchor to a heading", () => {
  const ids = new Map();
  const faults = [];
  for (const [page, html] of htmlOf) ids.set(page, new Set([...html.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id)));
  for (const [page, html] of htmlOf) {
    for (const [, href] of html.matchAll(/<a\b[^>]* href="([^"]*)"/g)) {
      if (/^[a-z][a-z0-9+.-]*:/i.test(href)) continue;
      const [path, anchor] = href.split("#");
      const target = path === "" ? page : fileOf(path.startsWith("/") ? path.slice(1) : posix.join(dirname(page), path));
      const known = ids.get(target);
      if (!existsSync(join(site, target))) faults.push(`${page}: ${href}: there is no ${target}`);
      else if (anchor && known && !known.has(decodeURIComponent(anchor))) faults.push(`${page}: ${href}: no such heading`);
    }
  }
  assert.deepEqual([...new Set(faults)], []);
});

const fileOf = (path) => (path === "" || path.endsWith("/") ? `${path}index.html` : path);

test("nothing is loaded from another origin", () => {
  const faults = [];
  for (const [page, html] of htmlOf) {
    for (const [tag] of html.matchAll(/<(?:script|link|img|source|iframe|video|audio|object|embed)\b[^>]*>/g)) {
      if (/ (?:src|href|srcset|data)="\s*(?:[a-z]+:)?\/\//i.test(tag)) faults.push(`${page}: ${tag}`);
    }
  }
  for (const style of files.filter((file) => file.endsWith(".css"))) {
    const text = readFileSync(join(site, style), "utf8");
    for (const [url] of text.matchAll(/url\(["']?(?:[a-z]+:)?\/\/[^)]*\)|@import[^;]*\/\/[^;]*/gi)) faults.push(`${style}: ${url}`);
  }
  for (const script of files.filter((file) => file.endsWith(".js"))) {
    const text = readFileSync(join(site, script), "utf8");
    const loads = /(?:import|fetch|importScripts|sendBeacon|open)\(\s*["'`]https?:[^"'`]*|https?:\/\/[^"'`\s]*\.(?:js|mjs|css|woff2?|json)\b(?=["'`])/g;
    for (const [url] of text.matchAll(loads)) faults.push(`${script}: ${url}`);
  }
  assert.deepEqual(faults, []);
});

test("the sidebar has every page", () => {
  const links = new Set();
  for (const html of htmlOf.values()) {
    const sidebar = /<aside class="VPSidebar.*?<\/aside>/s.exec(html)?.[0] ?? "";
    for (const [, href] of sidebar.matchAll(/ href="([^"]*)"/g)) links.add(href.slice(1));
  }
  const missing = pages.filter((page) => page !== "index.html" && !links.has(page) && !links.has(page.replace(/index\.html$/, "")));
  assert.deepEqual(missing, []);
});

test("a search for retry_after finds a page, and leads to it", async () => {
  const { page, close, foreign, faults } = await openPage({ viewport: { width: 1280, height: 800 } });
  await page.goto(`${server.origin}/`);
  const results = await search(page, "retry_after");
  await results.first().click();
  await page.waitForURL((url) => url.pathname !== "/");
  await page.getByText(/retry_after/).first().waitFor();
  assert.deepEqual([foreign, faults], [[], []]);
  await close();
});

const phone = { width: 390, height: 844 };
const shown = ["index.html", "tutorials/first-limit.html", "reference/commands/lw.ratelimit.html", "reference/configuration.html"];

test("no page is wider than a phone", { timeout: 120_000 }, async () => {
  // The pages are laid out without their scripts, which saves most of the time.
  const { page, close } = await openPage({ viewport: phone, javaScriptEnabled: false });
  assert.deepEqual(await tooWide(page, pages), []);
  await close();
});

test("pages work on a phone and load nothing from another origin", async () => {
  const { page, close, foreign, faults } = await openPage({ viewport: phone });
  const wide = await tooWide(page, shown);
  assert.deepEqual([wide, foreign, faults], [[], [], []]);
  await close();
});

async function tooWide(page, paths) {
  const wide = [];
  for (const path of paths) {
    await page.goto(`${server.origin}/${path}`, { waitUntil: "load" });
    const width = await page.evaluate(() => document.scrollingElement.scrollWidth);
    if (width > phone.width) wide.push(`${path}: ${width} pixels`);
  }
  return wide;
}

// A page, the requests that it makes to other origins, and its errors.
async function openPage(options) {
  const context = await opened.browser.newContext(options);
  const page = await context.newPage();
  const foreign = [];
  const faults = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(`${server.origin}/`) && !request.url().startsWith("data:")) foreign.push(request.url());
  });
  page.on("pageerror", (error) => faults.push(`${page.url()}: ${error}`));
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(`${page.url()}: ${message.text()}`);
  });
  return { page, close: () => context.close(), foreign, faults };
}
