/** Feature strokes: where, which unit, how strongly. They are painted in order; each can be switched off. */

import { encodeMask } from "./codec.js";
import { covered } from "./disc.js";
import { $, make, say } from "./dom.js";

/** @param {Object} studio see main.js */
export function strokes({ state, picture, units }) {
  $("stroke-add").addEventListener("click", () => {
    const problem = missing();
    say($("stroke-error"), problem);
    if (problem) return;
    const { width, height } = picture;
    const stroke = { mask: picture.mask.slice(), width, height, unit: state.unit, strength: state.strength, on: true };
    state.set({ strokes: [...state.strokes, stroke] });
    picture.clearMask();
  });
  $("strength").addEventListener("change", () => state.set({ strength: Number($("strength").value) }));
  const clear = () => say($("stroke-error"));
  picture.addEventListener("mask", clear);
  state.on("unit strength strokes", clear);
  state.on("strength", () => ($("strength").value = state.strength));
  state.on("strokes classifier", show);
  units.addEventListener("named", show);
  show();

  function missing() {
    if (!picture.masked) return "Paint a region first, with the mask brush.";
    if (state.unit === null) return "Choose a unit first.";
    if (!(state.strength > 0 && state.strength <= 20)) return "Strength is a number above 0, up to 20.";
    return "";
  }

  function show() {
    $("strokes-empty").hidden = state.strokes.length > 0;
    $("strokes").replaceChildren(...state.strokes.map(item));
  }

  function item(stroke, at) {
    const text = `${units.title(stroke.unit)}, strength ${stroke.strength}`;
    const on = make("input", { type: "checkbox", checked: stroke.on, "aria-label": `Paint ${text}` });
    on.addEventListener("change", () => {
      change(at, { ...stroke, on: on.checked });
      focus(at, "input");
    });
    const mark = () => picture.mark(maskOn(stroke, picture));
    const row = make(
      "li",
      { class: "row", onpointerenter: mark, onpointerleave: () => picture.mark(null) },
      on,
      make("span", { class: "grow" }, text),
      button("↑", `Earlier: ${text}`, at > 0, () => move(at, at - 1)),
      button("↓", `Later: ${text}`, at < state.strokes.length - 1, () => move(at, at + 1)),
      button("✕", `Delete: ${text}`, true, () => {
        change(at);
        focus(Math.min(at, state.strokes.length - 1), "button:last-child");
      }),
    );
    row.addEventListener("focusin", mark);
    row.addEventListener("focusout", () => picture.mark(null));
    return row;
  }

  function button(sign, title, enabled, act) {
    return make(
      "button",
      { type: "button", class: "square", title, "aria-label": title, disabled: !enabled, onclick: act },
      sign,
    );
  }

  function change(at, ...stroke) {
    picture.mark(null);
    state.set({ strokes: state.strokes.toSpliced(at, 1, ...stroke) });
  }

  function move(from, to) {
    const stroke = state.strokes[from];
    picture.mark(null);
    state.set({ strokes: state.strokes.toSpliced(from, 1).toSpliced(to, 0, stroke) });
    focus(to, "button:enabled");
  }

  /** The list was rebuilt: go on at this stroke, or where one is added if there is none. */
  function focus(at, what) {
    const next = $("strokes").children[at]?.querySelector(what) ?? $("stroke-add");
    next.focus();
  }
}

/**
 * A stroke's mask on an image, which may have been brought to the classifier's size since it was painted.
 * @param {{mask: Uint8Array, width: number, height: number}} stroke
 * @param {{width: number, height: number}} image
 */
export function maskOn({ mask, width, height }, image) {
  if (width === image.width && height === image.height) return mask;
  return image.width === image.height ? covered(mask, width, height, image.width) : mask;
}

/**
 * The strokes that are on, as they are sent.
 * @param {import("./state.js").Stroke[]} all @param {ImageData} image that they are painted on
 */
export const encodeStrokes = (all, image) =>
  all.filter((stroke) => stroke.on).map((stroke) => {
    const { unit, strength } = stroke;
    return { mask: encodeMask(maskOn(stroke, image), image.width, image.height), unit, strength };
  });
