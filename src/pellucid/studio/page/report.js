/** What is said of a run, and its result as downloads. */

/** Where in the queue. @param {number} before how many runs */
export function place(before) {
  return before ? `Waiting: ${before} ${before === 1 ? "run" : "runs"} before yours` : "Next in line";
}

/** How far. @param {{step: number, steps: number, loss?: number|null}} message */
export function progress({ step, steps, loss }) {
  return `step ${step} of ${steps}` + (loss == null ? "" : `, loss ${loss.toFixed(3)}`);
}

/**
 * Index of the frame that is the result: the last one, or the middle of a walk.
 * @param {import("./job.js").Frame[]} frames
 */
export function result(frames) {
  const middle = frames.findIndex(({ share }) => share >= 0.5);
  return middle < 0 ? frames.length - 1 : middle;
}

/** How it ended. @param {any} message the last @param {import("./job.js").Frame} [frame] the result */
export function ended(message, frame) {
  if (message.type === "failed") return "Failed";
  if (message.type === "done") {
    const walk = frame?.share === undefined ? "" : ": this is its middle, the download the whole walk";
    return `Done in ${message.seconds.toFixed(1)} s${walk}`;
  }
  return frame ? `Stopped at step ${message.step} of ${frame.steps}` : "Stopped";
}

/**
 * Offer a run's result as downloads.
 * @param {HTMLElement} element text, and links to PNG and JSON
 * @param {string} id the run's
 * @param {string} title whose result it is
 */
export function offer(element, id, title) {
  const [png, json] = element.querySelectorAll("a");
  png.href = `/api/jobs/${id}/result.png`;
  json.href = `/api/jobs/${id}/result.json`;
  element.firstChild.data = `Download ${title} `;
  element.hidden = false;
}
