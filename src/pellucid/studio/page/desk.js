/** What a session holds: taken from the page, and put back. */

import { decodeImage, encodeMask, encodePng, fromBase64 } from "./codec.js";

/** What is on the page, at once and not a moment later: the page may be closing. @param {Object} studio see main.js */
export function content(studio) {
  const { state, picture, history } = studio;
  const content = {
    pellucid_session: 1, title: title(studio), model: state.classifier.name, action: state.action,
    picture: encodePng(picture.image), strokes: state.strokes.map(encodeStroke), settings: state.settings,
    label: state.label, optional: state.optional, unit: state.unit, seed: state.seed, factor: state.factor,
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
  if (known) checkUnits(saved, state.classifier);
  const mask = saved.mask ? fromBase64(saved.mask.bytes) : undefined;
  const image = await decodeImage(saved.picture);
  picture.reset(image, mask?.length === image.width * image.height ? mask : undefined);
  history.results = saved.history;
  // The action last: what is shown for it depends on the others.
  state.set({ title, seed, second: saved.second ?? null, factor: saved.factor ?? state.factor });
  if (known) {
    const { settings, label, optional = null, unit } = saved;
    state.set({ settings, label: label ?? state.label, optional, unit, strokes: saved.strokes.map(decodeStroke) });
  }
  state.set({ action: state.actions.some(({ name }) => name === action) ? action : state.action });
}

/** Choose again what a run was asked for. @param {State} state @param {import("./job.js").Order} order */
export function choose(state, { action, label, unit, seed, settings, factor }) {
  const asked = state.actions.find(({ name }) => name === action);
  if (!asked) return;
  const chosen = asked.needs.label === "optional" ? { optional: label ?? null } : { label: label ?? state.label };
  const own = settings ? { ...state.settings, [action]: settings } : state.settings;
  state.set({ ...chosen, seed, unit: unit ?? state.unit, factor: factor ?? state.factor, settings: own, action });
}

/** What is in a file need not fit the classifier that it names. */
function checkUnits({ unit, strokes }, { name, units }) {
  const unknown = [unit, ...strokes.map((stroke) => stroke.unit)].find((one) => one !== null && one >= units);
  if (unknown === undefined) return;
  throw new Error(`The session has unit ${unknown}, but ${name} has units 0 to ${units - 1}.`);
}

/** The session's title; if the person gave none, what was made last. @param {Object} studio see main.js */
export function title({ state, history }) {
  const { action, note } = history.results.at(-1) ?? { action: "A picture" };
  return state.title || [action, note].filter(Boolean).join(", ");
}

function encodeStroke({ mask, width, height, unit, strength, on }) {
  return { mask: encodeMask(mask, width, height), unit, strength, on };
}

export function decodeStroke({ mask, unit, strength, on }) {
  return { mask: fromBase64(mask.bytes), width: mask.width, height: mask.height, unit, strength, on };
}
