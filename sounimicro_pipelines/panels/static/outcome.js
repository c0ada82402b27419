// After an action the reader is taken to what came of it: the field that is wrong, what went wrong, or what was done.
(() => {
  "use strict";
  if (document.querySelector("[autofocus]") !== null) return;
  const places = [".erp [aria-invalid=true]", "#notice", "#problem", "#outcome", "#done"];
  const told = places.map((place) => document.querySelector(place)).find((found) => found !== null);
  if (told === undefined) return;
  if (!told.matches("input, select, textarea")) told.tabIndex = -1;
  told.focus();
})();
