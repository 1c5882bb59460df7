/** The column of tools: what the pointer does, color, size, undo, zoom. */

import { $, enable, icon, make, onPress } from "./dom.js";

const TOOLS = [
  ["brush", "Brush", "B"],
  ["eraser", "Eraser, to white", "E"],
  ["fill", "Fill", "F"],
  ["pick", "Pick a color from the picture", "I"],
  ["mask", "Mask brush: where an action works", "M"],
  ["unmask", "Mask eraser", "N"],
  ["move", "Move the picture", "V"],
];

/** The tools' names and keys. */
export const TOOL_KEYS = TOOLS.map(([name, title, key]) => ({ name, title, key }));

/** @param {Object} studio see main.js */
export function tools({ state, picture, view }) {
  const radios = new Map();
  for (const [name, title, key] of TOOLS) {
    const radio = make("input", { type: "radio", name: "tool", value: name, "aria-label": title });
    radio.addEventListener("change", () => state.set({ tool: name }));
    radios.set(name, radio);
    $("tools").append(make("label", { class: "tool", title: `${title} (${key})` }, radio, icon(name)));
  }
  const undo = button("undo", "Undo (Ctrl+Z)", () => picture.undo());
  const redo = button("redo", "Redo (Ctrl+Shift+Z)", () => picture.redo());
  $("tool-buttons").append(
    undo,
    redo,
    button("zoom-in", "Larger (+)", () => view.zoomBy(1.5)),
    button("zoom-out", "Smaller (-)", () => view.zoomBy(1 / 1.5)),
    button("zoom-fit", "Fit (0)", () => view.fit()),
  );
  $("color").addEventListener("input", () => state.set({ color: $("color").value, tool: colored(state.tool) }));
  $("size").addEventListener("input", () => state.set({ size: Number($("size").value) }));

  state.on("tool color size", show);
  picture.addEventListener("change", () => {
    enable(undo, picture.canUndo);
    enable(redo, picture.canRedo);
  });
  enable(undo, false);
  enable(redo, false);
  show();

  function show() {
    radios.get(state.tool).checked = true;
    view.overlay.dataset.tool = state.tool;
    $("color").value = state.color;
    $("size").value = state.size;
    $("size-out").textContent = state.size;
  }
}

/** Who chooses a color wants to paint with it. */
const colored = (tool) => (tool === "fill" ? "fill" : "brush");

function button(name, title, act) {
  const made = make("button", { type: "button", class: "tool", title, "aria-label": title }, icon(name));
  onPress(made, act);
  return made;
}
