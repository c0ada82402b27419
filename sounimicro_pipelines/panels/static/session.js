// On every page of somebody who has signed in: says who it is, lets them sign out, and gives forms their CSRF token.
(() => {
  "use strict";
  const bar = document.getElementById("session");
  const signOut = document.getElementById("sign-out");
  let csrf = "";

  const show = (session) => {
    csrf = session.csrf;
    for (const field of document.querySelectorAll('input[name="csrf_token"]')) field.value = csrf;
    document.getElementById("session-name").textContent = session.name;
    bar.hidden = false;
  };

  const look = () =>
    fetch("/auth/session")
      .then((answer) => (answer.ok ? answer.json() : null))
      .then((session) => {
        if (session !== null && session.signed_in) show(session);
      })
      .catch(() => {});

  look();
  // Whoever signs in again beside this page goes on with what is typed here.
  if ("BroadcastChannel" in window) new BroadcastChannel("panels-sign-in").onmessage = look;

  signOut.addEventListener("click", async () => {
    await fetch("/auth/sign-out", { method: "POST", headers: { "X-CSRF-Token": csrf } });
    window.location.reload();
  });
})();
