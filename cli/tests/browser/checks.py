"""What a page looks like to people with little sight, a small screen, or a screen reader."""

from __future__ import annotations

from playwright.sync_api import Page

# Text whose contrast with what is behind it is below WCAG AA: 4.5, or 3 for large text.
_CONTRAST = """() => {
  const parse = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const over = (top, below) => ({
    r: top.r * top.a + below.r * (1 - top.a),
    g: top.g * top.a + below.g * (1 - top.a),
    b: top.b * top.a + below.b * (1 - top.a),
    a: 1,
  });
  const background = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.push(parse(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), { r: 255, g: 255, b: 255, a: 1 });
  };
  const luminance = ({ r, g, b }) => {
    const [x, y, z] = [r, g, b].map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    const box = element.getBoundingClientRect();
    if (!own || box.width < 2 || box.height < 2) continue;
    const style = getComputedStyle(element);
    const behind = background(element);
    const [high, low] = [luminance(over(parse(style.color), behind)), luminance(behind)].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < (large ? 3 : 4.5)) faint.push(`${ratio.toFixed(2)}: ${element.textContent.trim().slice(0, 60)}`);
  }
  return faint;
}"""

# Elements that reach beyond the right edge of the window, and are not in something that scrolls.
_OVERFLOW = """() => {
  const root = document.documentElement;
  if (root.scrollWidth <= root.clientWidth) return [];
  return [...document.querySelectorAll("body *")]
    .filter((element) => element.getBoundingClientRect().right > root.clientWidth + 0.5)
    .map((element) => `${element.tagName}.${element.className}: ${element.textContent.trim().slice(0, 60)}`);
}"""

_STRUCTURE = """() => {
  const faults = [];
  const say = (what, element) => faults.push(`${what}: ${element.outerHTML.slice(0, 100)}`);
  const text = (element) => (element.getAttribute("aria-label") ?? element.textContent).trim();
  for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
    if (![...(field.labels ?? [])].some(text) && !field.getAttribute("aria-label")) say("no label", field);
  }
  for (const control of document.querySelectorAll("a[href], button")) if (!text(control)) say("no name", control);
  for (const image of document.querySelectorAll("img:not([alt])")) say("no alt", image);
  for (const svg of document.querySelectorAll("svg")) {
    if (!svg.closest("[aria-hidden=true]") && !svg.getAttribute("aria-label")) say("no name", svg);
  }
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of new Set(ids.filter((id, index) => ids.indexOf(id) !== index))) faults.push(`id twice: ${id}`);
  for (const element of document.querySelectorAll("[aria-labelledby]")) {
    if (!document.getElementById(element.getAttribute("aria-labelledby"))) say("label missing", element);
  }
  for (const table of document.querySelectorAll("table")) {
    if (!table.caption) say("no caption", table);
    for (const head of table.querySelectorAll("th:not([scope])")) say("no scope", head);
  }
  for (const time of document.querySelectorAll("time:not([datetime])")) say("no datetime", time);
  let level = 0;
  for (const heading of document.querySelectorAll("h1, h2, h3, h4")) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) say(`after h${level}`, heading);
    level = next;
  }
  if (document.querySelectorAll("h1").length !== 1) faults.push("not one h1");
  if (document.querySelectorAll("main").length !== 1) faults.push("not one main");
  if (!document.documentElement.lang) faults.push("no lang");
  if (!document.title) faults.push("no title");
  return faults;
}"""


def faint_text(page: Page) -> list[str]:
    return list(page.evaluate(_CONTRAST))


def overflow(page: Page) -> list[str]:
    return list(page.evaluate(_OVERFLOW))


def structure_faults(page: Page) -> list[str]:
    return list(page.evaluate(_STRUCTURE))
