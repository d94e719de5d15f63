// Keeps the page current. Every few seconds it fetches the page that is open and changes what
// differs, in place: focus, scroll position, selection and opened details stay. It asks nothing
// while the tab is hidden or updates are paused. Without it the page works by reloading.
//
// It never makes HTML from data: the only HTML that it reads is the page as the server rendered
// and escaped it, and scripts in a parsed document do not run.
(() => {
  "use strict";

  const main = document.querySelector("main[data-live]");
  if (!main) return;
  const every = Number(main.dataset.live) * 1000;
  const patience = 15_000;
  const paused = "lockwatch-paused";
  let failing = false;
  let timer;

  const controls = () => main.querySelector(".live");
  const isPaused = () => sessionStorage.getItem(paused) === "yes";

  // Of nodes, whether one can become the other by changing what is in it.
  const alike = (one, other) =>
    one.nodeType === other.nodeType && one.nodeName === other.nodeName && keyOf(one) === keyOf(other);
  const keyOf = (node) => node.dataset?.key ?? node.id ?? "";

  // Changes `have` so that it looks like `want`.
  function change(have, want) {
    // Its text and button are made here.
    if (have === controls()) return;
    if (have.nodeType !== Node.ELEMENT_NODE) {
      if (have.data !== want.data) have.data = want.data;
      return;
    }
    for (const { name, value } of want.attributes) {
      if (have.getAttribute(name) !== value) have.setAttribute(name, value);
    }
    for (const { name } of [...have.attributes]) {
      // What a reader has opened stays open.
      if (!want.hasAttribute(name) && name !== "open") have.removeAttribute(name);
    }
    changeChildren(have, want);
  }

  function changeChildren(have, want) {
    const keyed = new Map();
    for (const child of have.children) if (keyOf(child)) keyed.set(keyOf(child), child);
    let at = have.firstChild;
    for (const child of want.childNodes) {
      const known = keyOf(child) ? keyed.get(keyOf(child)) : at;
      if (known && alike(known, child)) {
        if (known === at) at = at.nextSibling;
        else have.insertBefore(known, at);
        change(known, child);
      } else {
        have.insertBefore(document.importNode(child, true), at);
      }
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
  }

  function show(html) {
    const page = new DOMParser().parseFromString(html, "text/html");
    const fresh = page.querySelector("main[data-live]");
    if (!fresh) return false;
    const focused = document.activeElement;
    changeChildren(main, fresh);
    // An element that was moved has lost the focus.
    if (focused && focused !== document.activeElement && main.contains(focused)) {
      focused.focus({ preventScroll: true });
    }
    document.title = page.title;
    announce();
    return true;
  }

  // Tells a screen reader what is going on, but only when that has changed: not at every number.
  function announce() {
    const region = document.getElementById("announce");
    const state = main.querySelector("[data-announce]")?.dataset.announce ?? "";
    if (region.dataset.said !== state) {
      if (region.dataset.said !== undefined) region.textContent = state;
      region.dataset.said = state;
    }
  }

  function showState(text) {
    const live = controls();
    if (!live) return;
    live.hidden = false;
    live.dataset.state = text ? "lost" : isPaused() ? "paused" : "live";
    live.querySelector(".state").textContent = text || (isPaused() ? "Paused" : "Live");
    const button = live.querySelector("button");
    button.textContent = isPaused() ? "Resume" : "Pause";
  }

  async function update() {
    try {
      // The same page. Below this path a request does not count as use of the session, which would
      // otherwise never end.
      const answer = await fetch(`/live${location.pathname}${location.search}`, {
        redirect: "manual",
        signal: AbortSignal.timeout(patience),
      });
      if (answer.type === "opaqueredirect" || answer.status === 401) {
        showState("Signed out. Reload to sign in");
        return false;
      }
      if (!answer.ok || !show(await answer.text())) throw new Error(String(answer.status));
      failing = false;
      showState("");
    } catch {
      if (!failing) failing = new Date().toISOString().slice(11, 19);
      showState(`No answer since ${failing} UTC`);
    }
    return true;
  }

  function schedule() {
    clearTimeout(timer);
    if (isPaused() || document.hidden) return;
    timer = setTimeout(async () => {
      if (await update()) schedule();
    }, every);
  }

  document.addEventListener("visibilitychange", async () => {
    if (!document.hidden && !isPaused() && (await update())) schedule();
  });
  main.addEventListener("click", async (event) => {
    if (!event.target.closest(".live button")) return;
    sessionStorage.setItem(paused, isPaused() ? "no" : "yes");
    showState("");
    if (!isPaused() && !(await update())) return;
    schedule();
  });

  announce();
  showState("");
  schedule();
})();
