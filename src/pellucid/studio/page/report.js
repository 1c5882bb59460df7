/** What is said of a run, and its pictures as downloads. */

import { pngUrl } from "./codec.js";

/** An action for people. @param {import("./state.js").Action[]} actions @param {string} name */
export const actionTitle = (actions, name) => actions.find((action) => action.name === name)?.title ?? name;

/** A run for people. @param {import("./state.js").Action[]} actions @param {import("./job.js").Order} order */
export const title = (actions, { action, label }) => [actionTitle(actions, action), label].filter(Boolean).join(", ");

/** Where in the queue. @param {number} before how many runs */
export function place(before) {
  return before ? `Waiting: ${before} ${before === 1 ? "run" : "runs"} before yours` : "Next in line";
}

/** How far. @param {{step: number, steps: number, loss?: number|null}} message */
export function progress({ step, steps, loss }) {
  return `step ${step} of ${steps}` + (loss == null ? "" : `, loss ${loss.toFixed(3)}`);
}

/**
 * Index of the frame that is the result: the last one, or the middle of a whole walk.
 * @param {import("./job.js").Job} job
 */
export function result({ frames, outcome }) {
  const middle = outcome === "done" ? frames.findIndex(({ share }) => share >= 0.5) : -1;
  return middle < 0 ? frames.length - 1 : middle;
}

/**
 * How it ended.
 * @param {any} message the last
 * @param {import("./job.js").Frame|null} frame the result, if there is one
 * @param {number} [steps] in all, if it had begun
 */
export function ended(message, frame, steps) {
  if (message.type === "failed") return "Failed";
  if (message.type === "done") {
    const walk = frame?.share === undefined ? "" : ": this is its middle, the download the whole walk";
    return `Done in ${message.seconds.toFixed(1)} s${walk}`;
  }
  if (steps === undefined) return "Stopped";
  return `Stopped at step ${message.step} of ${steps}` + (frame ? "" : ", before there was a result");
}

/**
 * Offer one of a run's frames as a download: the result with what repeats it, or another one.
 * @param {HTMLElement} element text, and links to PNG and JSON
 * @param {import("./job.js").Job} job that is over
 * @param {import("./job.js").Frame} frame
 * @param {string} title of the run
 */
export function offer(element, job, frame, title) {
  const [png, json] = element.querySelectorAll("a");
  const at = job.frames.indexOf(frame);
  const whole = job.kept && at === result(job);
  png.href = whole ? `api/jobs/${job.id}/result.png` : pngUrl(frame.picture);
  png.download = whole ? "" : `frame-${at + 1}.png`;
  json.href = `api/jobs/${job.id}/result.json`;
  json.hidden = !whole;
  element.firstChild.data = whole ? `Download ${title} ` : `Download frame ${at + 1} of ${title} `;
  element.hidden = false;
}
