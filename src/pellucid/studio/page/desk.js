/** What a session holds: taken from the page, and put back. */

import { canvasOf, decodePng, encodeMask, fromBase64 } from "./codec.js";

/** What is on the page, at once and not a moment later: the page may be closing. @param {Object} studio see main.js */
export function content(studio) {
  const { state, picture, history } = studio;
  const content = {
    pellucid_session: 1, title: title(state), model: state.classifier.name, action: state.action,
    picture: canvasOf(picture.image).toDataURL("image/png").split(",")[1], strokes: state.strokes.map(encodeStroke),
    settings: state.settings, label: chosenLabel(state), unit: state.unit, seed: state.seed, factor: state.factor,
    history: history.results,
  };
  if (picture.masked) content.mask = encodeMask(picture.mask, picture.width, picture.height);
  if (state.second) content.second = state.second;
  return content;
}

/**
 * Put a session on the page.
 * @param {Object} studio see main.js
 * @param {Object} saved
 * @param {boolean} [known] false if its classifier is not here: what only that one understands is left out
 */
export async function fill(studio, saved, known = true) {
  const { state, picture, history } = studio;
  const { title, action, seed } = saved;
  const mask = saved.mask ? fromBase64(saved.mask.bytes) : undefined;
  const image = await decodePng(saved.picture);
  picture.reset(image, mask?.length === image.width * image.height ? mask : undefined);
  history.results = saved.history;
  // The action last: what is shown for it depends on the others.
  state.set({ title, seed, second: saved.second ?? null, factor: saved.factor ?? state.factor });
  if (known) {
    const { settings, label, unit } = saved;
    const chosen = state.actions.find(({ name }) => name === action);
    state.set({ settings, unit, strokes: saved.strokes.map(decodeStroke) });
    state.set(chosen?.needs.label === "optional" ? { optional: label } : { label });
  }
  state.set({ action: state.actions.some(({ name }) => name === action) ? action : state.action });
}

/** The session's title, made up if the person gave none. @param {import("./state.js").State} state */
export function title({ title, chosen, wanted }) {
  return title || [chosen?.title, wanted].filter(Boolean).join(", ");
}

/** The class that the chosen action has, or keeps for the others. */
function chosenLabel({ chosen, label, optional }) {
  return chosen?.needs.label === "optional" ? optional : label;
}

function encodeStroke({ mask, width, height, unit, strength, on }) {
  return { mask: encodeMask(mask, width, height), unit, strength, on };
}

function decodeStroke({ mask, unit, strength, on }) {
  return { mask: fromBase64(mask.bytes), width: mask.width, height: mask.height, unit, strength, on };
}
