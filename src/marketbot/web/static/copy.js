// Buttons that copy a text for pasting elsewhere. Without a script they stay hidden, and the text beside them is selected by hand.
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
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    const label = button.textContent;
    button.addEventListener("click", async () => {
      try { await navigator.clipboard.writeText(button.dataset.copy); } catch { select(button.dataset.copy); button.focus(); }
      button.textContent = button.dataset.copied;
      setTimeout(() => { button.textContent = label; }, SAID_MS);
    });
  }
})();
