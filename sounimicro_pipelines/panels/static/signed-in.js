// The pop-up's last page: hands the one-time code to the page that opened it, to our own origin alone, and closes.
(() => {
  "use strict";
  const code = document.getElementById("advice").dataset.code;
  window.history.replaceState(null, "", "/auth/callback");
  if (window.opener) {
    window.opener.postMessage({ kind: "panels-signed-in", code }, window.location.origin);
    window.setTimeout(() => window.close(), 300);
  }
})();
