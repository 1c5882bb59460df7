/** One run on the server: its stream of frames, kept even when the connection breaks. */

import { messages, post } from "./api.js";
import { sleep } from "./dom.js";

/** So many frames are kept; of more every second one is dropped, never the first or the last. */
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
  #newest = -1;

  /** @param {string} id */
  constructor(id) {
    super();
    this.id = id;
  }

  /** Put a run into the queue. @param {Object} body of POST /api/jobs @returns {Promise<Job>} */
  static async begin(body) {
    const { job } = await post("/api/jobs", body);
    return new Job(job);
  }

  /** Listen until the end. A connection that breaks is made again and goes on after the newest frame. */
  async follow() {
    for (let attempt = 0; this.live; attempt++) {
      try {
        for await (const message of messages("GET", `/api/jobs/${this.id}/events?after=${this.#newest}`)) {
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
    await post(`/api/jobs/${this.id}/stop`);
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
    this.frames = this.frames.filter((_, at, all) => at % 2 === 0 || at === all.length - 1);
  }
}
