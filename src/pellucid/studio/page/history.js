/** Earlier results as a row of small pictures; each can be made the picture again, with the run that made it. */

import { get, query } from "./api.js";
import { decodeImage, pictureUrl } from "./codec.js";
import { choose } from "./desk.js";
import { $, make } from "./dom.js";
import { Job } from "./job.js";
import { TAB } from "./tab.js";

/** How many results are kept, and how many characters of their PNGs. */
const KEPT = 50;
const CHARACTERS = 10e6;

/** @typedef {{picture: string, action: string, note: string, run?: import("./job.js").Order & {job: string}}} Result */

/** Events: "change". */
export class History extends EventTarget {
  /** Oldest first. @type {Result[]} */
  #results = [];
  /** Their runs, as far as the page knows them. @type {Map<string, Job>} */
  #jobs = new Map();

  /** @param {Object} studio see main.js */
  constructor(studio) {
    super();
    this.studio = studio;
  }

  get results() {
    return this.#results;
  }

  set results(results) {
    this.#results = results;
    $("history").replaceChildren(...results.toReversed().map((result) => this.#item(result)));
  }

  /** @param {Result} result @param {Job} job that made it */
  add(result, job) {
    this.#jobs.set(job.id, job);
    const results = [...this.#results, result].slice(-KEPT);
    while (results.reduce((sum, { picture }) => sum + picture.length, 0) > CHARACTERS) results.shift();
    this.#results = results;
    // The other items stay the elements that they are, as one of them may have the keyboard's focus.
    $("history").prepend(this.#item(result));
    while ($("history").children.length > results.length) $("history").lastElementChild.remove();
    this.dispatchEvent(new Event("change"));
  }

  /** Bring a result back: its picture, what was asked for, and its frames if the studio still has them. */
  async #bring({ picture, run: order }) {
    const { state, run, picture: canvas } = this.studio;
    const image = await decodeImage(picture);
    if (run.live) return canvas.replace(image);
    if (order?.model === state.classifier.name) choose(state, order);
    const job = order && (await this.#found(order));
    if (job) return run.bring(job, await decodeImage(job.frames[0].picture));
    await run.leave();
    return canvas.replace(image);
  }

  /** The run of a result. After the page was reloaded the server has it, for a while. */
  async #found(order) {
    if (!this.#jobs.has(order.job)) {
      const { jobs } = await get(query("jobs", { tab: TAB }));
      if (!jobs.some(({ job }) => job === order.job)) return null;
      const job = new Job(order.job, order);
      await job.follow();
      this.#jobs.set(order.job, job);
    }
    const job = this.#jobs.get(order.job);
    return job.frames.length ? job : null;
  }

  #item(result) {
    const { picture, action, note } = result;
    const title = note ? `${action}: ${note}` : action;
    const bring = () => this.#bring(result);
    return make(
      "li",
      {},
      make(
        "button",
        { type: "button", title: `Bring back: ${title}`, "aria-label": `Bring back: ${title}`, onclick: bring },
        make("img", { src: pictureUrl(picture), alt: "", height: 44 }),
      ),
    );
  }
}
