// The page of somebody who has not signed in: opens the pop-up, takes its one-time code, and exchanges it for a cookie.
(() => {
  "use strict";
  const page = document.getElementById("sign-in");
  const button = document.getElementById("sign-in-button");
  const status = document.getElementById("sign-in-status");
  const ownWindow = document.getElementById("sign-in-window");
  const others = "BroadcastChannel" in window ? new BroadcastChannel("panels-sign-in") : null;
  let popup = null;
  let watch = 0;

  const say = (name) => {
    status.textContent = page.dataset[name];
  };

  const ended = (name) => {
    window.clearInterval(watch);
    popup = null;
    button.disabled = false;
    say(name);
  };

  const exchange = async (code) => {
    const answer = await fetch("/auth/exchange", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ code, proof: page.dataset.proof }),
    });
    if (!answer.ok) {
      ended("refused");
      return;
    }
    const session = await fetch("/auth/session");
    if (!session.ok) {
      ended("blocked");
      if (ownWindow) ownWindow.hidden = false;
      return;
    }
    if (others) others.postMessage("signed-in");
    comeIn(await session.json());
  };

  // Where a form was sent after the session had ended, it is sent again when its writer says so; else the page is shown.
  const kept = document.getElementById("kept");
  const comeIn = (session) => {
    if (kept === null) {
      window.location.reload();
      return;
    }
    kept.elements.namedItem("csrf_token").value = session.csrf;
    const title = document.getElementById("sign-in-title");
    title.textContent = title.dataset.ready;
    document.getElementById("sign-in-why").hidden = true;
    button.hidden = true;
    status.textContent = "";
    kept.hidden = false;
    document.getElementById("kept-ready").focus();
  };

  window.addEventListener("message", (event) => {
    if (event.origin !== window.location.origin || popup === null || event.source !== popup) return;
    const told = event.data;
    if (typeof told !== "object" || told === null || told.kind !== "panels-signed-in") return;
    if (typeof told.code !== "string") return;
    window.clearInterval(watch);
    popup = null;
    exchange(told.code).catch(() => ended("refused"));
  });

  button.addEventListener("click", () => {
    popup = window.open(page.dataset.start, "_blank", "popup,width=520,height=680");
    if (popup === null) {
      say("unopened");
      return;
    }
    button.disabled = true;
    say("waiting");
    watch = window.setInterval(() => {
      if (popup !== null && popup.closed) ended("unfinished");
    }, 700);
  });

  if (others) {
    others.onmessage = async () => {
      const session = await fetch("/auth/session");
      if (session.ok) comeIn(await session.json());
    };
  }
})();
