// The view that holds every row: the browser's own dialogue comes as soon as the page stands.
(() => {
  "use strict";
  document.getElementById("print").addEventListener("click", () => window.print());
  window.addEventListener("load", () => window.print());
})();
