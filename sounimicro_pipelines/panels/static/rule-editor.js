// The rules editor: rows are moved in place, by button or by dragging, and what is written is checked at once.
// Without this script every button sends the form, and the server answers it as it then is.
(() => {
  "use strict";
  const form = document.getElementById("rule-form");
  if (form === null) return;
  const live = document.getElementById("live");
  const unsaved = document.getElementById("unsaved");
  const summary = document.getElementById("summary");
  let leaving = false;
  let dirty = form.dataset.dirty === "yes";

  const changed = () => {
    dirty = true;
    unsaved.textContent = form.dataset.unsaved;
    checkSoon();
  };

  // -- moving ------------------------------------------------------------------------------------------------------

  const tell = (item) => {
    const all = [...item.parentElement.children];
    live.textContent = form.dataset.moved
      .replace("{name}", item.dataset.name)
      .replace("{place}", String(all.indexOf(item) + 1))
      .replace("{count}", String(all.length));
    changed();
  };

  form.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-move]");
    if (button === null) return;
    event.preventDefault();
    const item = button.closest("li");
    const other = button.dataset.move === "1" ? item.nextElementSibling : item.previousElementSibling;
    if (other === null) return;
    if (button.dataset.move === "1") other.after(item);
    else other.before(item);
    button.focus();
    tell(item);
  });

  const rows = document.getElementById("rows");
  let dragged = null;
  rows.addEventListener("dragstart", (event) => {
    if (!event.target.classList.contains("grip")) return;
    dragged = event.target.closest("li");
    dragged.classList.add("is-dragged");
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", dragged.dataset.name);
    event.dataTransfer.setDragImage(dragged, 10, 10);
  });
  rows.addEventListener("dragover", (event) => {
    if (dragged === null) return;
    event.preventDefault();
    const over = event.target.closest("#rows > li");
    if (over === null || over === dragged) return;
    const box = over.getBoundingClientRect();
    if (event.clientY > box.top + box.height / 2) over.after(dragged);
    else over.before(dragged);
  });
  rows.addEventListener("drop", (event) => event.preventDefault());
  rows.addEventListener("dragend", () => {
    if (dragged === null) return;
    dragged.classList.remove("is-dragged");
    tell(dragged);
    dragged = null;
  });

  // -- checking ----------------------------------------------------------------------------------------------------

  const sprite = (name) => {
    const space = "http://www.w3.org/2000/svg";
    const icon = document.createElementNS(space, "svg");
    icon.setAttribute("class", `icon i-${name}`);
    icon.setAttribute("aria-hidden", "true");
    const use = document.createElementNS(space, "use");
    use.setAttribute("href", `#i-${name}`);
    icon.append(use);
    return icon;
  };

  const show = (answer) => {
    for (const place of form.querySelectorAll(".refusals")) {
      const texts = answer.refusals[place.dataset.for] || [];
      place.replaceChildren(
        ...texts.map((text) => {
          const line = document.createElement("p");
          line.append(sprite("overdue"), text);
          return line;
        }),
      );
      const row = place.closest(".row");
      if (row === null) continue;
      row.classList.toggle("is-wrong", texts.length > 0);
      const select = row.querySelector(".direction");
      if (texts.length > 0) {
        select.setAttribute("aria-invalid", "true");
        select.setAttribute("aria-describedby", `${row.dataset.row}-wrong`);
      } else {
        select.removeAttribute("aria-invalid");
        select.removeAttribute("aria-describedby");
      }
    }
    summary.textContent = answer.summary;
    summary.hidden = Object.keys(answer.refusals).length === 0;
  };

  let waiting = 0;
  let asked = 0;
  const check = async () => {
    const mine = ++asked;
    try {
      const answer = await fetch(form.dataset.check, { method: "POST", body: new URLSearchParams(new FormData(form)) });
      if (answer.ok && mine === asked) show(await answer.json());
    } catch {
      // The server checks again when the form is sent.
    }
  };
  const checkSoon = () => {
    window.clearTimeout(waiting);
    waiting = window.setTimeout(check, 350);
  };
  form.addEventListener("input", (event) => {
    if (event.target.closest("[data-picker]") === null) changed();
  });

  // -- choosing a field --------------------------------------------------------------------------------------------

  for (const picker of form.querySelectorAll("[data-picker]")) {
    const search = picker.querySelector("input[type=search]");
    search.addEventListener("input", () => {
      const parts = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const item of picker.querySelectorAll(".pick li")) {
        const text = item.textContent.toLowerCase();
        const isChosen = item.querySelector("input").checked;
        item.hidden = !isChosen && !parts.every((part) => text.includes(part));
      }
    });
    search.addEventListener("keydown", (event) => {
      if (event.key === "Enter") event.preventDefault();
    });
  }

  // -- leaving -----------------------------------------------------------------------------------------------------

  form.addEventListener("submit", () => {
    leaving = true;
  });
  window.addEventListener("beforeunload", (event) => {
    if (dirty && !leaving) event.preventDefault();
  });
})();
