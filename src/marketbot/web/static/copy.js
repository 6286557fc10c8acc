// Buttons that copy the text beside them. They are shown where the browser lets a page copy at all.
"use strict";
(() => {
  const SAID_MS = 2500;
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    const label = button.querySelector("span");
    const before = label.textContent;
    button.addEventListener("click", async () => {
      const text = document.getElementById(button.dataset.copy);
      try {
        await navigator.clipboard.writeText(text.value ?? text.textContent);
        label.textContent = button.dataset.done;
        setTimeout(() => { label.textContent = before; }, SAID_MS);
      } catch {
        // Refused by the browser: the text is marked, to be copied by hand.
        getSelection().selectAllChildren(text);
      }
    });
  }
})();
