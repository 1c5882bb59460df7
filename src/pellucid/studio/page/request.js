/** What a run is asked for, and what is still missing before it can be. */

import { encodeMask, encodePng } from "./codec.js";
import { encodeStrokes, maskOn } from "./strokes.js";

/**
 * One sentence about the first input that the chosen action lacks, or that is wrong; "" if there is none.
 * @param {import("./state.js").State} state @param {import("./picture.js").Picture} picture
 */
export function missing(state, picture) {
  const { needs } = state.chosen;
  if (state.wrongSetting) return "First correct the setting that is marked.";
  if (needs.label === "yes" && !state.label) return "Choose a class first.";
  if (needs.mask === "yes" && !picture.masked) return "Paint a region with the mask brush first.";
  if (needs.mask === "yes" && outside({ mask: picture.mask, width: picture.width, height: picture.height }, state)) {
    return "The region lies outside of the square in the middle, which is all that is used: paint within that.";
  }
  if (needs.unit && !needs.strokes && state.unit === null) return "Choose a unit first.";
  if (needs.strokes && !state.strokes.some((stroke) => stroke.on)) {
    return "Add a stroke first: paint a region, choose a unit, press Add stroke.";
  }
  if (needs.strokes && state.strokes.some((stroke) => stroke.on && outside(stroke, state))) {
    return "A stroke lies outside of the square in the middle, which is all that is used: delete it or switch it off.";
  }
  if (needs.style && !state.second) return "Choose a style picture first.";
  if (needs.second && !state.second) return "Choose the second picture first.";
  return "";
}

/** Whether nothing is left of a mask on a picture of the classifier's size. */
function outside(painted, { classifier: { size } }) {
  return Boolean(size) && !maskOn(painted, { width: size, height: size }).includes(1);
}

const asChosen = (state) => ({ action: state.chosen, settings: state.settings[state.action] ?? {} });

/**
 * What goes on from a picture. Generate begins with a seed of its own; from a picture, Sketch is the same descent.
 * @param {import("./state.js").State} state
 */
function onward(state) {
  const { chosen, actions } = state;
  if (chosen.needs.picture) return asChosen(state);
  const action = actions.find(({ name }) => name === "sketch");
  const defaults = Object.fromEntries(chosen.form.map((field) => [field.name, field.default]));
  const values = { ...defaults, ...asChosen(state).settings };
  return { action, settings: Object.fromEntries(action.form.map(({ name }) => [name, values[name]])) };
}

/**
 * The body of POST /api/jobs.
 * @param {import("./state.js").State} state
 * @param {import("./picture.js").Picture} picture whose mask it is
 * @param {{tab: string, model: string, start: ImageData, continued: boolean}} run
 */
export function requestBody(state, picture, { tab, model, start, continued }) {
  const { action, settings } = continued ? onward(state) : asChosen(state);
  const { needs } = action;
  const body = { tab, action: action.name, model, settings, seed: state.seed };
  if (needs.mask !== "no" && picture.masked) body.mask = encodeMask(picture.mask, picture.width, picture.height);
  if (needs.label !== "no" && state.wanted) body.label = state.wanted;
  if (needs.unit && !needs.strokes) body.unit = state.unit;
  if (needs.strokes) body.strokes = encodeStrokes(state.strokes, start);
  if (needs.second) body.second = state.second;
  if (needs.factor) body.factor = state.factor;
  // Last, as it takes a moment in which the person may paint on.
  if (needs.picture) body.picture = encodePng(start);
  return body;
}
