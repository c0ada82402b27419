// While another view is on its way: after a moment its place shows where it will stand, and a screen reader is told.
// A view that comes at once is simply shown; without this script the old one stays until the new one is there.
(() => {
  "use strict";

  const PATIENCE = 300;
  const main = document.getElementById("content");
  const told = document.getElementById("loading");
  if (main === null || told === null) return;
  let timer = 0;
  let skeleton = null;

  const show = () => {
    skeleton = document.createElement("div");
    skeleton.className = "skeleton";
    skeleton.setAttribute("aria-hidden", "true");
    for (let row = 0; row < 9; row += 1) skeleton.append(document.createElement("span"));
    main.setAttribute("aria-busy", "true");
    main.append(skeleton);
    told.textContent = told.dataset.says;
  };

  const end = () => {
    window.clearTimeout(timer);
    main.removeAttribute("aria-busy");
    if (skeleton !== null) skeleton.remove();
    skeleton = null;
    told.textContent = "";
  };

  const begin = () => {
    end();
    timer = window.setTimeout(show, PATIENCE);
  };

  // Only what leads to another view here: no files, no other windows, no place on this very page.
  const isView = (link) => {
    if (link.origin !== window.location.origin || link.hasAttribute("download")) return false;
    if (link.target !== "" && link.target !== "_self") return false;
    if (!/^\/(panel\/(company|person|project)|admin)(\/|$)/.test(link.pathname) || /\.\w+$/.test(link.pathname)) return false;
    return link.hash === "" || link.pathname + link.search !== window.location.pathname + window.location.search;
  };

  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
    if (link === null || event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || !isView(link)) return;
    begin();
  });
  document.addEventListener("submit", (event) => {
    if (!event.defaultPrevented && event.target.method === "get") begin();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") end();
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) end();
  });
})();
