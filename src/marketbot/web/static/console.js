// What every page does by itself: hear what changed and read it anew, keep times true, ask before what cannot be undone.
// Nothing here is needed to read a page or to send a form.
"use strict";
(() => {
  const YEAR_S = 31536000;
  const root = document.documentElement;
  const texts = document.body.dataset;

  // The zone that times are shown in. The server learns it with the next request.
  const remember = (name, value) => {
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `${name}=${encodeURIComponent(value)}; Path=/; Max-Age=${YEAR_S}; SameSite=Lax${secure}`;
  };
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone) remember("marketbot_zone", zone);

  // Relative times
  const spans = [["day", 86400], ["hour", 3600], ["minute", 60]];
  const ago = (count, span) => texts[span].split("|")[count === 1 ? 0 : 1].replace("#", count);
  const tick = () => {
    for (const element of document.querySelectorAll("time[data-ago]")) {
      const passed = (Date.now() - Date.parse(element.dateTime)) / 1000;
      const span = spans.find(([, length]) => passed >= length);
      element.textContent = span ? ago(Math.floor(passed / span[1]), span[0]) : texts.now;
    }
  };
  setInterval(tick, 15000);

  // Theme and language: the choice is stored with the next request, and the theme shown at once.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[name=theme]");
    if (!button) return;
    event.preventDefault();
    if (button.value === "auto") delete root.dataset.theme;
    else root.dataset.theme = button.value;
    remember("marketbot_theme", button.value);
    for (const each of document.querySelectorAll("button[name=theme]")) {
      each.setAttribute("aria-pressed", String(each.value === button.value));
    }
    document.dispatchEvent(new CustomEvent("marketbot:theme"));
  });

  // Menus close with Escape and with a click elsewhere.
  const closeMenus = (but) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) if (menu !== but) menu.open = false;
  };
  document.addEventListener("click", (event) => closeMenus(event.target.closest("details.menu")));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = document.querySelector("details.menu[open]");
    if (open) { open.open = false; open.querySelector("summary").focus(); }
  });

  // A form with data-confirm asks first, in the page's own dialog.
  const dialog = document.getElementById("confirm");
  let asking = null;
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const question = event.submitter?.dataset.confirm ?? form.dataset.confirm;
    if (!dialog || !question || form === asking?.form) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    asking = { form, submitter: event.submitter };
    dialog.querySelector("[data-question]").textContent = question;
    dialog.querySelector("[value=yes]").textContent = event.submitter?.textContent.trim() || texts.yes;
    dialog.showModal();
  }, true);
  dialog?.addEventListener("close", () => {
    const asked = asking;
    if (dialog.returnValue === "yes" && asked) asked.form.requestSubmit(asked.submitter);
    asking = null;
    dialog.returnValue = "";
  });

  // A form is sent once, however often its button is pressed: the second answer would say that it was done already.
  const TWICE_MS = 3000;
  const sent = new WeakMap();
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented || event.target.method !== "post") return;
    if (performance.now() - (sent.get(event.target) ?? -TWICE_MS) < TWICE_MS) event.preventDefault();
    else sent.set(event.target, performance.now());
  });

  // Filters are used as soon as they are chosen.
  document.addEventListener("change", (event) => event.target.closest("form[data-at-once]")?.requestSubmit());

  // Messages that go away; a screen reader hears them from the same place.
  const TOAST_MS = 6000;
  const say = (text) => {
    const toast = document.createElement("div");
    toast.className = "toast";
    toast.textContent = text;
    document.getElementById("toasts")?.append(toast);
    setTimeout(() => toast.remove(), TOAST_MS);
  };
  const failed = (event) => {
    // A part that reads itself anew tries again with the next change; what somebody asked for is told.
    if (!event.target.matches?.("[data-live]")) say(texts.failed);
  };
  document.addEventListener("htmx:response:error", failed);
  document.addEventListener("htmx:error", failed);

  // Live: the stream tells kinds of things that changed; the parts of the page that show them are read anew, together and not too often.
  const live = document.getElementById("live");
  const address = texts.events;
  if (!live || !address || !window.EventSource) { tick(); return; }
  const GATHER_MS = 400;
  const GAP_MS = 2000;  // between two readings, so that a fan-out to many accounts costs a few and not hundreds
  const AGAIN_MS = 15000;
  const due = new Set();
  let timer = null;
  let readAt = -GAP_MS;
  const show = (state) => {
    live.dataset.state = state;
    live.querySelector("span").textContent = live.dataset[state];
  };
  const refresh = () => {
    timer = null;
    if (document.hidden) return;  // read when somebody looks again
    const everything = due.has("*");
    for (const part of document.querySelectorAll("[data-live]")) {
      // What somebody is typing into, or has opened, is left alone until the next change.
      if (part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea")) continue;
      if (everything || part.dataset.live.split(" ").some((kind) => due.has(kind))) window.htmx?.trigger(part, "marketbot:changed");
    }
    due.clear();
    readAt = performance.now();
  };
  const note = (kinds) => {
    for (const kind of kinds) due.add(kind);
    timer ??= setTimeout(refresh, Math.max(GATHER_MS, readAt + GAP_MS - performance.now()));
  };
  document.addEventListener("visibilitychange", () => { if (!document.hidden && due.size && !timer) refresh(); });
  let source = null;
  let first = true;
  const listen = () => {
    source = new EventSource(address);
    source.addEventListener("open", () => show("on"));
    // What the page says is under way may have ended before the stream was open; the rest it has just read.
    source.addEventListener("reset", () => { note([first ? "pending" : "*"]); first = false; });
    source.addEventListener("changed", (event) => {
      first = false;
      try { note(JSON.parse(event.data).changed); } catch { note(["*"]); }
    });
    source.addEventListener("error", () => {
      show("off");
      // The browser comes back by itself unless it was refused; then it is tried again later, for sessions end and places get free.
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, AGAIN_MS);
    });
  };
  listen();
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => { if (event.persisted) { listen(); note(["*"]); } });
  document.addEventListener("htmx:after:swap", tick);
  tick();
})();
