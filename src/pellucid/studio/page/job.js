/** One run on the server: its stream of frames, kept when the connection breaks and found again after a reload. */

import { get, messages, post, query } from "./api.js";
import { sleep } from "./dom.js";
import { TAB } from "./tab.js";

/** So many frames are kept; of more every second one is dropped, never the first, the last or the held one. */
const KEPT = 400;
/** So often a broken connection is tried again. */
const TRIES = 6;

/**
 * @typedef {Object} Frame
 * @property {number} number
 * @property {number} step
 * @property {number} steps
 * @property {number|null} loss
 * @property {string} picture base64 PNG
 * @property {number} width
 * @property {number} height
 * @property {[string, number][]} top
 * @property {number|null} wanted
 * @property {number} [share] how far an interpolation has walked
 *
 * @typedef {Object} Order what a run was asked to do, whatever is chosen since
 * @property {string} action
 * @property {string|null} label
 * @property {string} model
 * @property {number} seed
 * @property {number|null} [unit]
 * @property {Object<string, any>} [settings]
 * @property {number|null} [factor]
 */

/**
 * Events: "queued", "started", "frame", "progress" (steps without a picture), and once "done", "stopped" or "failed";
 * the detail is the server's message. "broken": the connection is lost and tried again; then the server repeats the
 * state.
 */
export class Job extends EventTarget {
  /** @type {Frame[]} */
  frames = [];
  live = true;
  /** How it ended: "done", "stopped" or "failed". @type {string|null} */
  outcome = null;
  /** Whether it left a result that the server has. */
  kept = false;
  /** The frame that the picture shows, which is not dropped. @type {Frame|null} */
  held = null;
  #newest = -1;

  /** @param {string} id @param {Order} order */
  constructor(id, order) {
    super();
    Object.assign(this, { id, order });
  }

  /** Put a run into the queue. @param {Object} body of POST /api/jobs @returns {Promise<Job>} */
  static async begin(body) {
    const { job } = await post("api/jobs", body);
    const { action, label = null, unit = null, model, seed, settings, factor = null } = body;
    return new Job(job, { action, label, unit, model, seed, settings, factor });
  }

  /** A run that is over and that the server need not know. @param {Order} order @param {Frame[]} frames */
  static saved(order, frames) {
    return Object.assign(new Job("", order), { frames, live: false, outcome: "done" });
  }

  /** Listen until the end. A connection that breaks is made again and goes on after the newest frame. */
  async follow() {
    for (let attempt = 0; this.live; attempt++) {
      try {
        for await (const message of messages("GET", `api/jobs/${this.id}/events?after=${this.#newest}`)) {
          attempt = 0;
          this.#take(message);
        }
      } catch (error) {
        if (attempt >= TRIES) this.#take({ type: "failed", error: error.message });
      }
      if (!this.live) return;
      this.dispatchEvent(new Event("broken"));
      await sleep(200 * 2 ** Math.min(attempt, 4));
    }
  }

  async stop() {
    await post(`api/jobs/${this.id}/stop`);
  }

  /** @param {any} message */
  #take(message) {
    if (message.type === "frame") this.#keep(message);
    if (["done", "stopped", "failed"].includes(message.type)) {
      Object.assign(this, { live: false, outcome: message.type, kept: Boolean(message.result) });
    }
    this.dispatchEvent(new CustomEvent(message.type, { detail: message }));
  }

  #keep(frame) {
    if (frame.number <= this.#newest) return;
    this.#newest = frame.number;
    this.frames.push(frame);
    if (this.frames.length <= KEPT) return;
    const { held } = this;
    this.frames = this.frames.filter((one, at, all) => at % 2 === 0 || at === all.length - 1 || one === held);
  }
}

/**
 * Have the next page in this tab find a run.
 * @param {"first"|"second"} place beside the other classifier's
 * @param {Job} job
 * @param {boolean} [following] false if the picture does not show its newest frame
 */
export function rememberRun(place, job, following = true) {
  sessionStorage.setItem(`${place} run`, JSON.stringify({ id: job.id, following }));
}

/** Its end was seen. @param {"first"|"second"} place */
export const forgetRun = (place) => sessionStorage.removeItem(`${place} run`);

const remembered = (place) => JSON.parse(sessionStorage.getItem(`${place} run`)) ?? {};

/** After the page was reloaded: find the runs that this tab had begun. @param {Object} studio see main.js */
export async function rejoin({ state, run, compare }) {
  const { jobs } = await get(query("jobs", { tab: TAB }));
  const live = jobs.filter(({ status }) => status === "running" || status === "queued");
  const here = ({ order }) => order.model === state.classifier.name;
  const known = (place) => jobs.find(({ job }) => job === remembered(place).id);
  // The page may have been left before the studio had told it of a run.
  const first = known("first") ?? live.find(here);
  const second = known("second") ?? live.find((one) => one !== first && !here(one));
  const { following = true } = remembered("first");
  if (run.live) return; // somebody was quicker, and has begun another
  if (first) run.rejoin(new Job(first.job, first.order), following);
  if (second) compare.attach(new Job(second.job, second.order));
}
