// On the ERP tab: says what is wrong with an answer while it is typed, and keeps a form from being sent twice.
// The server checks everything anew; without this script the pages work as plain forms.
(() => {
  "use strict";

  const digitsOf = (text) => text.replace(/[\s.]/g, "").replace(/^NO/i, "").replace(/MVA$/i, "");

  const checks = {
    org_number(text) {
      const digits = digitsOf(text);
      if (!/^\d+$/.test(digits)) return /[A-Za-z]/.test(digits);
      if (digits.length !== 9) return false;
      const sum = [3, 2, 7, 6, 5, 4, 3, 2].reduce((total, weight, place) => total + weight * Number(digits[place]), 0);
      const control = (11 - (sum % 11)) % 11;
      return control !== 10 && control === Number(digits[8]);
    },
    email: (text) => /^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(text),
    phone: (text) => /^[+(]?[\d\s().-]{5,}(\s*(ext\.?|x)\s*\d+)?$/i.test(text),
    integer: (text) => /^-?\d+$/.test(text.replace(/\s/g, "")),
    decimal: (text) => /^-?\d+([.,]\d+)?$/.test(text.replace(/\s/g, "")),
  };

  // How long an answer must be before it is judged while it is still being typed.
  const whole = { org_number: (text) => digitsOf(text).length >= 9 };

  const wrongIn = (field, missing) => {
    const text = field.value.trim();
    if (text === "") return field.required ? missing : "";
    const check = checks[field.dataset.check];
    return check === undefined || check(text) ? "" : field.dataset.wrong;
  };

  const show = (field, message) => {
    const place = document.getElementById(`${field.id}-error`);
    if (place === null) return;
    place.querySelector("span").textContent = message;
    place.hidden = message === "";
    field.closest(".form-field").classList.toggle("has-error", message !== "");
    if (message === "") field.removeAttribute("aria-invalid");
    else field.setAttribute("aria-invalid", "true");
    field.classList.toggle("is-good", message === "" && field.value.trim() !== "" && field.dataset.check in checks);
  };

  const watch = (form) => {
    form.noValidate = true;
    const fields = [...form.querySelectorAll("[data-check]")];
    for (const field of fields) {
      const judge = () => show(field, wrongIn(field, form.dataset.missing));
      field.addEventListener("blur", () => {
        if (field.value.trim() !== "" || field.hasAttribute("aria-invalid")) judge();
      });
      field.addEventListener("input", () => {
        const isWhole = whole[field.dataset.check]?.(field.value.trim());
        if (isWhole || field.hasAttribute("aria-invalid") || wrongIn(field, form.dataset.missing) === "") judge();
      });
      field.addEventListener("change", judge);
    }
    return () => {
      for (const field of fields) show(field, wrongIn(field, form.dataset.missing));
      const first = fields.find((field) => field.hasAttribute("aria-invalid"));
      if (first !== undefined) first.focus();
      return first === undefined;
    };
  };

  const choose = (form) => {
    form.noValidate = true;
    const groups = [...form.querySelectorAll("fieldset")].filter((group) => group.querySelector("input[required]"));
    const judge = (group) => {
      const isChosen = group.querySelector("input:checked") !== null;
      document.getElementById(`${group.id}-error`).hidden = isChosen;
      group.classList.toggle("has-error", !isChosen);
      for (const input of group.querySelectorAll("input")) {
        if (isChosen) input.removeAttribute("aria-invalid");
        else input.setAttribute("aria-invalid", "true");
      }
      return isChosen;
    };
    for (const group of groups) group.addEventListener("change", () => judge(group));
    return () => {
      const wrong = groups.filter((group) => !judge(group));
      if (wrong.length > 0) wrong[0].querySelector("input").focus();
      return wrong.length === 0;
    };
  };

  const bring = (form, other) => {
    for (const [name, value] of new FormData(other)) {
      if (form.elements.namedItem(name)) continue;
      const along = document.createElement("input");
      Object.assign(along, { type: "hidden", name, value });
      form.append(along);
    }
  };

  for (const form of document.querySelectorAll("form[method=post]")) {
    let isRight = () => true;
    if (form.classList.contains("compare")) isRight = choose(form);
    else if (form.hasAttribute("data-check")) isRight = watch(form);
    const button = form.querySelector("button[type=submit]");
    const says = button.textContent;
    let sent = false;
    form.addEventListener("submit", (event) => {
      if (sent || !isRight()) {
        event.preventDefault();
        return;
      }
      sent = true;
      if (form.dataset.along) bring(form, document.getElementById(form.dataset.along));
      form.setAttribute("aria-busy", "true");
      button.textContent = form.dataset.working || says;
      window.setTimeout(() => {
        button.disabled = true;
      });
    });
    window.addEventListener("pageshow", (event) => {
      if (!event.persisted) return;
      sent = false;
      button.disabled = false;
      button.textContent = says;
      form.removeAttribute("aria-busy");
    });
  }
})();
