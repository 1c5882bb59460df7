/** Forms made from the fields that the server describes. */

import { make, say } from "./dom.js";

/**
 * @typedef {Object} Field
 * @property {string} name
 * @property {string} label
 * @property {"number"|"integer"|"choice"|"switch"|"text"|"list"} type
 * @property {any} default
 * @property {boolean} optional
 * @property {number|null} [min]
 * @property {number|null} [max]
 * @property {string[]} [choices]
 * @property {string} help
 */

/** A setting that is seen without opening Advanced. */
const FRONT = "feather";
/** The setting that says how much may change, and by how many times the slider makes it smaller or larger. */
const AMOUNT = "eps";
const TIMES = 4;
/** A least number below this stands for "more than 0", as such settings must be. */
const TINY = 1e-3;
/** Choices beside the names of the presets. */
const DEFAULTS = "";
const OWN = "own";

/**
 * Fill `container` with the form of an action.
 * @param {HTMLElement} container
 * @param {import("./state.js").Action} action
 * @param {Object<string, any>} values those that differ from the defaults
 * @param {number} side of the classifier's pictures
 * @param {(values: Object<string, any>) => void} change called with the new ones
 * @param {(wrong: boolean) => void} check called with whether anything typed is wrong
 */
export function showForm(container, action, values, side, change, check) {
  const open = container.querySelector("details")?.open ?? false;
  const preset = presets(action, values, (chosen) => {
    change(chosen);
    showForm(container, action, chosen, side, change, check);
    container.querySelector(".presets select").focus();
  });
  // What is made at the classifier's size first cannot end below it.
  const least = (field) => (field.name === "size" && !action.needs.picture ? { ...field, min: side } : field);
  const rows = action.form.map(least).map((field) => {
    const value = field.name in values ? values[field.name] : field.default;
    return row(field, value, (typed) => {
      check(container.querySelector("[aria-invalid=true]") !== null);
      if (typed === undefined) return;
      values = differing(action.form, { ...values, [field.name]: typed });
      preset.value = presetOf(action, values);
      change(values);
    });
  });
  const front = (at) => action.form[at].name === FRONT;
  const advanced = make(
    "details", { open },
    make("summary", {}, "Advanced"),
    make("div", { class: "row presets" }, make("h2", { class: "grow" }, "Settings"), preset),
    ...rows.filter((_, at) => !front(at)),
  );
  advanced.firstChild.addEventListener("click", () =>
    requestAnimationFrame(() => advanced.open && advanced.scrollIntoView({ block: "start" })),
  );
  const shown = rows.filter((_, at) => front(at));
  container.replaceChildren(...sizes(action, rows, side), ...amount(action.form, rows), ...shown, advanced);
  check(false);
}

/** A list over the size of the result, if that can be chosen: twice the classifier's beside the usual one. */
function sizes({ form, needs }, rows, side) {
  const at = form.findIndex(({ name }) => name === "size");
  if (at < 0) return [];
  const field = rows[at].querySelector("input");
  const select = make(
    "select",
    { id: "result-size" },
    make("option", { value: "" }, needs.picture ? "the picture's" : `${side} px`),
    make("option", { value: 2 * side }, `${2 * side} px`),
    make("option", { value: OWN, hidden: true }, "Your own"),
  );
  const show = () => {
    select.value = field.value;
    if (select.value !== field.value) select.value = OWN;
  };
  select.addEventListener("change", () => {
    field.value = select.value;
    field.dispatchEvent(new Event("change"));
  });
  field.addEventListener("change", show);
  show();
  return [make("div", { class: "inline" }, make("label", { for: "result-size" }, "Size"), select)];
}

/** A slider over the setting that matters most, if it has a default to be compared with. */
function amount(form, rows) {
  const at = form.findIndex(({ name, default: value }) => name === AMOUNT && value > 0);
  if (at < 0) return [];
  const field = rows[at].querySelector("input");
  const { default: usual } = form[at];
  const slider = make("input", { type: "range", id: "amount", min: -1, max: 1, step: 0.05 });
  const told = make("output", { for: "amount" });
  const show = () => {
    const times = Number(field.value) / usual;
    slider.value = String(Math.log(times) / Math.log(TIMES));
    told.textContent = Math.abs(times - 1) < 0.01 ? "as usual" : `× ${times.toPrecision(2)}`;
  };
  slider.addEventListener("input", () => {
    field.value = String(Number((usual * TIMES ** Number(slider.value)).toPrecision(3)));
    field.dispatchEvent(new Event("change"));
  });
  field.addEventListener("change", show);
  show();
  return [make("div", { class: "amount" }, make("label", { for: "amount" }, "How much may change"), told, slider)];
}

/** Only what differs from the defaults. @param {Field[]} form @param {Object<string, any>} values */
function differing(form, values) {
  return Object.fromEntries(
    form
      .filter((field) => field.name in values && !same(values[field.name], field.default))
      .map((field) => [field.name, values[field.name]]),
  );
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** A list of the published settings; `choose` is called with what the chosen ones change. */
function presets(action, values, choose) {
  const select = make(
    "select",
    { "aria-label": "Settings" },
    make("option", { value: DEFAULTS }, "Defaults"),
    ...Object.keys(action.presets).map((name) => make("option", { value: name }, name)),
    make("option", { value: OWN, hidden: true }, "Your own"),
  );
  select.value = presetOf(action, values);
  select.addEventListener("change", () => choose(differing(action.form, action.presets[select.value] ?? {})));
  return select;
}

/** Which of the presets these values are. */
function presetOf({ form, presets }, values) {
  if (!Object.keys(values).length) return DEFAULTS;
  const ordered = differing(form, values);
  return Object.keys(presets).find((name) => same(differing(form, presets[name]), ordered)) ?? OWN;
}

/**
 * One field: label, input, a button back to the default, help, and what is wrong with what was typed.
 * @param {Field} field @param {any} value
 * @param {(typed: any) => void} change called with what was typed; undefined if that is wrong
 */
function row(field, value, change) {
  const id = `field-${field.name}`;
  const input = INPUTS[field.type](field, value);
  const error = make("p", { class: "error", role: "alert", id: `${id}-error`, hidden: true });
  const reset = make("button", { type: "button", class: "reset", title: "Back to the default" }, "↺");
  reset.setAttribute("aria-label", `${field.label}: back to the default`);
  input.id = id;
  input.setAttribute("aria-describedby", `${id}-help ${id}-error`);

  const read = () => {
    const { value: typed, error: problem } = parse(field, input);
    say(error, problem);
    input.setAttribute("aria-invalid", String(Boolean(problem)));
    const changed = Boolean(problem) || !same(typed, field.default);
    reset.classList.toggle("idle", !changed);
    reset.disabled = !changed;
    return problem ? undefined : typed;
  };
  input.addEventListener("change", () => change(read()));
  reset.addEventListener("click", () => {
    write(field, input, field.default);
    input.dispatchEvent(new Event("change"));
    input.focus();
  });
  read();
  return make(
    "div",
    { class: "field" },
    make("label", { for: id }, field.label),
    input,
    reset,
    make("p", { class: "soft", id: `${id}-help` }, help(field)),
    error,
  );
}

/** A field's help in the words of the page, where no limit is an empty field. @param {Field} field */
function help({ help: text, optional, type }) {
  const plain = text.replaceAll("`", "") + (type === "list" ? " Separated by spaces." : "");
  return optional ? plain.replace(/\binf for none\b/, "empty for no limit") : plain;
}

const INPUTS = {
  number: number,
  integer: number,
  choice: (field, value) => {
    const none = field.optional ? [make("option", { value: "" }, "none")] : [];
    const select = make(
      "select",
      {},
      ...none,
      ...field.choices.map((choice) => make("option", { value: choice }, String(choice))),
    );
    select.value = value ?? "";
    return select;
  },
  switch: (field, value) => make("input", { type: "checkbox", role: "switch", checked: Boolean(value) }),
  text: (field, value) => make("input", { value: value ?? "", spellcheck: "false" }),
  list: (field, value) => make("input", { value: (value ?? []).join(" "), spellcheck: "false" }),
};

function number(field, value) {
  return make("input", {
    type: "number", step: field.type === "integer" ? 1 : "any", min: field.min, max: field.max,
    value: value ?? "", placeholder: field.optional ? "none" : null,
  });
}

function write(field, input, value) {
  if (field.type === "switch") input.checked = Boolean(value);
  else input.value = field.type === "list" ? (value ?? []).join(" ") : (value ?? "");
}

/** The items of a list: numbers if all of them are. */
function listed(text) {
  const items = text.split(/[\s,]+/).filter(Boolean);
  const numbers = items.map(Number);
  return numbers.every(Number.isFinite) ? numbers : items;
}

/** What an input holds, or what is wrong with it. @param {Field} field @returns {{value?: any, error?: string}} */
function parse(field, input) {
  if (field.type === "switch") return { value: input.checked };
  const text = input.value.trim();
  if (field.type === "list") return { value: listed(text) };
  if (!text && field.optional && !input.validity?.badInput) return { value: null };
  if (field.type === "choice" || field.type === "text") return { value: text };
  const value = Number(text);
  if (!text || !Number.isFinite(value)) return { error: `${field.label} is a number.` };
  if (field.type === "integer" && !Number.isInteger(value)) return { error: `${field.label} is a whole number.` };
  if (field.min != null && value < field.min) {
    const least = field.min > 0 && field.min < TINY ? "more than 0" : `at least ${field.min}`;
    return { error: `${field.label} is ${least}.` };
  }
  if (field.max != null && value > field.max) return { error: `${field.label} is at most ${field.max}.` };
  return { value };
}
