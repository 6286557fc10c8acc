// Buttons that copy a text for pasting elsewhere: their own (data-copy), or that of the element they name (data-copy-from).
// Without a script they stay hidden, and the text is marked and copied by hand.
"use strict";
(() => {
  const SAID_MS = 2500;
  // Over plain http browsers give pages no clipboard; a selection that is copied works there too.
  const select = (text) => {
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "only-read";
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  };
  for (const button of document.querySelectorAll("button[data-copy], button[data-copy-from]")) {
    button.hidden = false;
    const label = button.querySelector("span") ?? button;
    const before = label.textContent;
    button.addEventListener("click", async () => {
      const text = button.dataset.copy ?? document.getElementById(button.dataset.copyFrom).textContent;
      try { await navigator.clipboard.writeText(text); } catch { select(text); button.focus(); }
      label.textContent = button.dataset.copied;
      setTimeout(() => { label.textContent = before; }, SAID_MS);
    });
  }
})();
