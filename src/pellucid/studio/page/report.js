/** What is said of a run. */

/** An action for people. @param {import("./state.js").Action[]} actions @param {string} name */
export const actionTitle = (actions, name) => actions.find((action) => action.name === name)?.title ?? name;

/** A run for people. @param {import("./state.js").Action[]} actions @param {import("./job.js").Order} order */
export const title = (actions, { action, label }) => [actionTitle(actions, action), label].filter(Boolean).join(", ");

/** Where in the queue. @param {number} before how many runs */
export function place(before) {
  return before ? `Waiting: ${before} ${before === 1 ? "run" : "runs"} before yours` : "Next in line";
}

/** Runs of which less is left say nothing of it, in milliseconds. */
const SOON = 5000;

/**
 * How far, and how long a long run will take still.
 * @param {{step: number, steps: number, loss?: number|null}} message @param {number} passed milliseconds
 */
export function progress({ step, steps, loss }, passed) {
  const left = step ? (passed * (steps - step)) / step : 0;
  const time = left < 90_000 ? `${Math.round(left / 1000)} s` : `${Math.round(left / 60_000)} min`;
  const rest = left < SOON ? "" : `, ${time} left`;
  return `step ${step} of ${steps}` + (loss == null ? "" : `, loss ${loss.toFixed(3)}`) + rest;
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
    const walk = frame?.share === undefined ? "" : ": the middle of the walk; downloads have all of it";
    return `Done in ${message.seconds.toFixed(1)} s${walk}`;
  }
  if (steps === undefined) return "Stopped";
  return `Stopped at step ${message.step} of ${steps}` + (frame ? "" : ", before there was a result");
}
