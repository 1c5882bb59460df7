/** Shortcuts, and the list of them in the help dialog. */

import { $, commit, make } from "./dom.js";
import { TOOL_KEYS } from "./tools.js";

/** Where the browser keeps that keys of one character are switched off. */
const SWITCH = "keys of one character";

/** @param {Object} studio see main.js */
export function keys(studio) {
  const { state, picture, view, run, before, step } = studio;
  const brush = (by) => state.set({ size: Math.min(32, Math.max(1, state.size + by)) });
  const start = () => {
    // The field that is typed in has its new value only once it is left.
    commit();
    run.start(false);
  };
  /** Key as the browser names it, how it is written, what it does. With "Control+" also Command. */
  const table = [
    ...TOOL_KEYS.map(({ name, title, key }) => [key.toLowerCase(), key, title, () => state.set({ tool: name })]),
    ["[", "[", "Smaller brush", () => brush(-1)],
    ["]", "]", "Larger brush", () => brush(1)],
    ["x", "X", "Clear the mask", () => picture.clearMask()],
    ["control+z", "Ctrl+Z", "Undo", () => picture.undo()],
    ["control+shift+z", "Ctrl+Shift+Z", "Redo", () => picture.redo()],
    ["control+enter", "Ctrl+Enter", "Run", start],
    ["escape", "Esc", "Stop", () => run.stop()],
    ["c", "C", "Continue", () => $("continue").click()],
    ["h", "H, held", "See the picture before the run", () => before(true)],
    ["p", "P", "Play the frames of the run", () => $("play").click()],
    [",", ",", "One frame back", () => step(-1)],
    [".", ".", "One frame on", () => step(1)],
    ["+", "+", "Larger", () => view.zoomBy(1.5)],
    ["-", "-", "Smaller", () => view.zoomBy(1 / 1.5)],
    ["0", "0", "Fit the picture", () => view.fit()],
    ["?", "?", "This help", help],
  ];
  $("shortcuts").append(
    ...table.flatMap(([, written, what]) => [make("dt", {}, make("kbd", {}, written)), make("dd", {}, what)]),
    make("dt", {}, make("kbd", {}, "Arrows, Space")),
    make("dd", {}, "On the picture: move the brush (Shift: faster), paint, a line while held"),
    make("dt", {}, make("kbd", {}, "Wheel, two fingers")),
    make("dd", {}, "Zoom; Alt or the middle button moves the picture"),
  );
  $("help-button").addEventListener("click", help);
  $("keys-single").checked = localStorage.getItem(SWITCH) !== "off";
  $("keys-single").addEventListener("change", () => {
    localStorage.setItem(SWITCH, $("keys-single").checked ? "on" : "off");
  });
  document.addEventListener("keydown", (event) => {
    const name = pressed(event);
    const entry = table.find(([key]) => key === name);
    if (!entry || elsewhere(event, name)) return;
    event.preventDefault();
    entry[3]();
  });
  document.addEventListener("keyup", (event) => event.key.toLowerCase() === "h" && before(false));
}

/** A key with those that are held beside it, as the table names it. @param {KeyboardEvent} event */
function pressed(event) {
  // On many keyboards a bracket is typed with AltGr, which some systems report as Control and Alt.
  const written = event.getModifierState("AltGraph");
  const control = !written && (event.ctrlKey || event.metaKey);
  const alt = !written && event.altKey;
  const held = [control && "control+", alt && "alt+", control && event.shiftKey && "shift+"].filter(Boolean);
  return held.join("") + event.key.toLowerCase();
}

function help() {
  $("help").showModal();
}

/** The key belongs to a field, a dialog or a menu, or is switched off. */
function elsewhere(event, name) {
  if (document.querySelector("dialog[open], [popover]:popover-open")) return true;
  if (name.length === 1 && !$("keys-single").checked) return true;
  const typing = event.target.matches?.(
    "input:not([type=radio], [type=checkbox], [type=range], [type=color]), textarea, select",
  );
  return typing && name !== "control+enter";
}
