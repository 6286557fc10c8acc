// What leverage and multipliers mean for the price, while they are typed. Shown only; the server reckons what counts.
"use strict";
(() => {
  const form = document.getElementById("settings");
  const means = document.getElementById("means");
  if (!form || !means) return;
  const format = new Intl.NumberFormat(means.dataset.lang, { maximumFractionDigits: 4 });
  const comma = format.format(1.5).includes(",");

  // As the server reads it: empty is the operator's default, and what lies outside is moved into the range.
  const read = (name) => {
    const input = form.elements[name];
    let text = input.value.trim();
    if (comma) text = /^\d{1,3}(\.\d{3})+(,|$)/.test(text) ? text.replaceAll(".", "").replace(",", ".") : text.replace(",", ".");
    else text = text.replaceAll(/,(?=\d{3}(\D|$))/g, "");
    const wish = text === "" ? Number(input.dataset.default) : Number(text);
    if (!Number.isFinite(wish)) return null;
    return Math.min(Math.max(wish, Number(input.dataset.low)), Number(input.dataset.high));
  };
  const show = (name, value, unit = "") => {
    means.querySelector(`[data-out="${name}"]`).textContent = value === null ? "–" : format.format(value) + unit;
  };
  const reckon = () => {
    const leverage = read("leverage"), stop = read("stop_multiplier"), target = read("target_multiplier");
    const times = (one, other) => (one === null || other === null ? null : one * other);
    show("stop", stop, "%");
    show("target", target, "%");
    show("stop-margin", times(stop, leverage === null ? null : Math.floor(leverage)), "%");
    show("target-margin", times(target, leverage === null ? null : Math.floor(leverage)), "%");
    show("example-stop", stop === null ? null : 100 - stop);
    show("example-target", target === null ? null : 100 + target);
  };
  form.addEventListener("input", reckon);
  reckon();
})();
