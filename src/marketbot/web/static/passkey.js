// Passkeys: the browser is asked for one, and what it says is sent on. Without this file the page is as good as without passkeys.
"use strict";
(() => {
  const place = document.querySelector("[data-passkey]");
  // Under another name of this place a browser would refuse.
  if (!place || !window.PublicKeyCredential || location.hostname !== place.dataset.domain) return;
  const fault = place.querySelector("[data-fault]");
  const button = place.querySelector("button");

  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  const send = async (path, body) => {
    const headers = { "content-type": "application/json" };
    if (place.dataset.csrf) headers["x-csrf-token"] = place.dataset.csrf;
    const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.title);
    return told;
  };

  const create = async () => {
    const asked = await send("/v1/passkeys/begin", { password: place.querySelector("[name=password]").value });
    const made = await navigator.credentials.create({
      publicKey: {
        ...asked,
        challenge: bytes(asked.challenge),
        user: { ...asked.user, id: bytes(asked.user.id) },
        excludeCredentials: asked.excludeCredentials.map((each) => ({ ...each, id: bytes(each.id) })),
      },
    });
    const response = {
      clientDataJSON: text(made.response.clientDataJSON),
      attestationObject: text(made.response.attestationObject),
    };
    await send("/v1/passkeys", {
      name: place.querySelector("[name=name]").value,
      credential: { id: made.id, rawId: text(made.rawId), type: made.type, response },
    });
    location.reload();
  };

  const show = async () => {
    const asked = await send("/v1/session/passkey/begin", {});
    const shown = await navigator.credentials.get({ publicKey: { ...asked, challenge: bytes(asked.challenge) } });
    const response = {
      clientDataJSON: text(shown.response.clientDataJSON),
      authenticatorData: text(shown.response.authenticatorData),
      signature: text(shown.response.signature),
    };
    if (shown.response.userHandle) response.userHandle = text(shown.response.userHandle);
    await send("/v1/session/passkey", { credential: { id: shown.id, rawId: text(shown.rawId), type: shown.type, response } });
    location.assign(place.dataset.next || "/");
  };

  const act = place.dataset.passkey === "create" ? create : show;
  place.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    fault.hidden = true;
    try {
      await act();
    } catch (error) {
      // A person who turns the browser's own dialog away has said enough.
      fault.textContent = error instanceof DOMException ? place.dataset.failed : error.message;
      fault.hidden = false;
    } finally {
      button.disabled = false;
    }
  });
  place.hidden = false;
})();
