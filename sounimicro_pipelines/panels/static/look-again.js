// On a screen that waits for something: looks again every few seconds, and shows the page anew when it is there.
// Until then nothing moves; without this script the link beside the notice does the same.
(() => {
  "use strict";

  const notice = document.querySelector("[data-look-again]");
  if (notice === null) return;
  const address = notice.querySelector("a").href;

  const look = async () => {
    try {
      const answer = await fetch(address, { credentials: "same-origin" });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const now = page.getElementById(notice.id);
      if (answer.ok && now === null) {
        window.location.replace(address);
        return;
      }
      if (answer.ok && now.textContent !== notice.textContent) notice.replaceChildren(...now.childNodes);
    } catch {
      // The server did not answer; it is asked again.
    }
    window.setTimeout(look, Number(notice.dataset.lookAgain) * 1000);
  };
  window.setTimeout(look, Number(notice.dataset.lookAgain) * 1000);
})();
