// A link's secret stands behind its #, which no browser sends and no log keeps. It is put into the form, and out of the address.
"use strict";
(() => {
  const field = document.querySelector("[data-link]");
  const secret = location.hash.slice(1);
  if (!field || !secret) return;
  field.value = secret;
  field.closest(".field").hidden = true;
  history.replaceState(null, "", location.pathname);
  if (field.form.hasAttribute("data-send")) field.form.requestSubmit();
})();
