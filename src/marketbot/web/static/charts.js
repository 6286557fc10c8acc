// What every chart of the console shares: the page's own colours, how numbers and times are written, and when to look anew.
"use strict";
window.marketbotCharts = (() => {
  const root = document.documentElement;
  const lang = root.lang || "en";

  // The stylesheet's colours, as this theme has them. A canvas knows no variables, so an element is asked.
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  const colour = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const faint = (name, share) => colour(name).replace(/^rgb\(([^)]+)\)$/, `rgba($1, ${share})`);

  // Prices have as many places as they need; the rest of what is drawn, few.
  const numbers = new Map();
  const number = (value, places) => {
    const key = places ?? "auto";
    if (!numbers.has(key)) {
      numbers.set(key, new Intl.NumberFormat(lang, places === undefined ? { maximumSignificantDigits: 8 }
        : { minimumFractionDigits: places, maximumFractionDigits: places }));
    }
    return numbers.get(key).format(value).replace("-", "\u2212");
  };
  const clock = new Intl.DateTimeFormat(lang, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const moment = new Intl.DateTimeFormat(lang, { day: "2-digit", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const day = new Intl.DateTimeFormat(lang, { day: "2-digit", month: "short", timeZone: "UTC" });
  const localDay = new Intl.DateTimeFormat(lang, { day: "2-digit", month: "short" });

  const read = async (address) => {
    const answer = await fetch(address, { headers: { accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  };

  // Draw again in the other theme's colours: chosen here, or changed by the system.
  const onTheme = (draw) => {
    document.addEventListener("marketbot:theme", draw);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  };

  // Call again every so often, and when what is shown has changed; never while nobody looks, and never twice at once.
  const keep = (element, everyMs, load) => {
    let loading = false;
    const look = async () => {
      if (loading || document.hidden) return;
      loading = true;
      try { await load(); } catch { /* the next look tries again; the figures beside the chart say how old they are */ } finally { loading = false; }
    };
    element.addEventListener("marketbot:changed", look);
    document.addEventListener("visibilitychange", look);
    if (everyMs) setInterval(look, everyMs);
    look();
  };

  return { colour, faint, number, clock, moment, day, localDay, read, onTheme, keep };
})();
