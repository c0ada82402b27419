// Sorting, filtering and turning pages is a new page to the browser. The reader stays where they were, and who uses the
// keyboard on the same control, as if only the table had changed.
(() => {
  "use strict";

  const KEPT = "panels-place";
  const GROUPS = [".grid thead", ".menu", ".pages", ".filter", ".dates"];
  let byKeyboard = false;
  const groupOf = (control) => GROUPS.find((group) => control.closest(group) !== null);

  const keep = (control) => {
    const group = groupOf(control);
    if (group === undefined) return;
    const says = control.textContent.trim();
    const place = { path: window.location.pathname, y: window.scrollY, group, says, byKeyboard };
    try {
      window.sessionStorage.setItem(KEPT, JSON.stringify(place));
    } catch {
      // A browser that stores nothing in a frame begins at the top.
    }
  };

  const take = () => {
    try {
      const kept = window.sessionStorage.getItem(KEPT);
      window.sessionStorage.removeItem(KEPT);
      return JSON.parse(kept);
    } catch {
      return null;
    }
  };

  const place = take();
  if (place !== null && place.path === window.location.pathname) {
    window.scrollTo(0, place.y);
    if (place.byKeyboard) {
      const controls = [...document.querySelectorAll(`${place.group} a, ${place.group} button`)];
      controls.find((one) => one.textContent.trim() === place.says)?.focus({ preventScroll: true });
    }
  }

  document.addEventListener("keydown", () => (byKeyboard = true), true);
  document.addEventListener("pointerdown", () => (byKeyboard = false), true);
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
    if (link === null || event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    keep(link);
  });
  document.addEventListener("submit", (event) => {
    const button = event.submitter ?? event.target.querySelector("button");
    if (!event.defaultPrevented && button !== null) keep(button);
  });
})();
