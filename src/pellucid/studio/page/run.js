/** A run from start to end: what it begins with, how it is stopped, and what is said of it. */

import { percent } from "./bars.js";
import { copyImage } from "./codec.js";
import { $ } from "./dom.js";
import { forgetRun, Job } from "./job.js";
import { ended, place, progress, result, title } from "./report.js";
import { missing, requestBody } from "./request.js";
import { TAB } from "./tab.js";

/** A run whose class is less likely than this did not reach it. */
const REACHED = 0.5;

/**
 * Events: "frames" (there is a new one, or another run), "ended" (detail: the result's frame, null if there is none),
 * "turn" (what can be done with it has changed).
 */
export class Run extends EventTarget {
  /** @type {Job|null} */
  job = null;

  /** What the last run began with, if that is known. @type {ImageData|null} */
  #start = null;
  /** When it was, by the page's clock. */
  #began = 0;
  #starting = false;
  /** It is over, and its result is about to be shown. */
  #ending = false;
  /** The person has stopped it, perhaps before the server had it. */
  #unwanted = false;

  /** @param {Object} studio see main.js */
  constructor(studio) {
    super();
    this.studio = studio;
    studio.picture.addEventListener("edit", () => this.#forget());
    studio.state.on("classifier", () => this.#forget());
  }

  get live() {
    return this.#starting || this.#ending || Boolean(this.job?.live);
  }

  get stopping() {
    return this.live && this.#unwanted;
  }

  /** Whether Run would repeat the last one from where that began: same action, and its result was not drawn upon. */
  get repeats() {
    const { state, film } = this.studio;
    return this.job?.order.action === state.action && this.#start !== null && film.intact;
  }

  /** The run for people. */
  get title() {
    return title(this.studio.state.actions, this.job.order);
  }

  /** @param {boolean} continued from what is seen, whatever the action otherwise begins with */
  async start(continued) {
    const { state, picture } = this.studio;
    if (this.live || !state.chosen) return;
    const problem = missing(state, picture);
    state.set({ runError: problem });
    if (problem) return;
    this.#starting = true;
    this.#unwanted = false;
    $("status").textContent = $("step").textContent = "";
    this.dispatchEvent(new Event("turn"));
    await state.telling("runError", () => this.#begin(continued));
    this.#starting = false;
    this.dispatchEvent(new Event("turn"));
  }

  async #begin(continued) {
    const { picture, compare, film, photo, session } = this.studio;
    // What is chosen or drawn from now on is for the next run.
    const state = this.studio.state.copy();
    const again = this.repeats && !continued;
    if (!again) await photo.fit();
    // A photo that the last run began with may be wanted in another size now.
    const start = again ? await photo.sized(this.#start) : copyImage(picture.image);
    const { version } = picture;
    const body = requestBody(state, picture, { tab: TAB, model: state.classifier.name, start, continued });
    // What one has drawn, the second classifier does not have on its own picture.
    const own = continued && film.seen ? compare.seen : null;
    const job = await Job.begin(body);
    session.autosave.keep();
    this.#attach(job, start, picture.version === version);
    this.#starting = false;
    if (this.#unwanted) await this.stop();
    else if (state.compare) await compare.start({ ...body, picture: own?.picture ?? body.picture });
    else compare.drop();
  }

  /** Stop it, and the one beside it. */
  async stop() {
    this.studio.compare.stop();
    if (!this.live) return;
    this.#unwanted = true;
    this.dispatchEvent(new Event("turn"));
    $("status").textContent = "Stopping …";
    if (!this.#starting) await this.studio.state.telling("runError", () => this.job.stop());
  }

  /** Stop it, wait until its result is kept, and turn away from it. */
  async leave() {
    const { compare, film } = this.studio;
    if (this.live) await this.stop();
    while (this.live) await new Promise((resolve) => this.addEventListener("turn", resolve, { once: true }));
    this.job = this.#start = null;
    film.watch(null, true);
    compare.drop();
    this.#forget();
    this.dispatchEvent(new Event("turn"));
    this.dispatchEvent(new Event("frames"));
  }

  /**
   * Show a run that is over.
   * @param {Job} job @param {ImageData} start what it began with
   */
  async bring(job, start) {
    const { compare, film } = this.studio;
    compare.drop();
    this.job = job;
    this.#start = start;
    film.watch(job, true);
    await film.take(result(job), "run");
    this.#forget();
    this.dispatchEvent(new Event("turn"));
    this.dispatchEvent(new Event("frames"));
  }

  /** What the last run began with. */
  get began() {
    return this.#start;
  }

  /**
   * Listen again to a run that the page before had begun.
   * @param {Job} job
   * @param {boolean} following false if the picture is not what the run began with any more
   */
  rejoin(job, following) {
    this.#attach(job, following ? copyImage(this.studio.picture.image) : null, following);
  }

  /**
   * @param {Job} job @param {ImageData|null} start
   * @param {boolean} following false if the person has drawn while the server was asked
   */
  #attach(job, start, following) {
    this.job = job;
    this.#start = start;
    this.studio.film.watch(job, following);
    job.addEventListener("queued", ({ detail }) => ($("status").textContent = place(detail.place)));
    job.addEventListener("started", () => ($("status").textContent = "Running"));
    job.addEventListener("broken", () => ($("status").textContent = "Connection lost, trying again"));
    job.addEventListener("frame", ({ detail }) => this.#frame(detail));
    const began = performance.now();
    job.addEventListener("progress", ({ detail }) => {
      // There is nothing to see yet, and the bars are of another picture.
      this.studio.bars.clear("The walk is seen at its end.");
      $("step").textContent = progress(detail, performance.now() - began);
    });
    this.#began = began;
    for (const name of ["done", "stopped", "failed"]) job.addEventListener(name, ({ detail }) => this.#end(detail));
    job.follow();
    this.dispatchEvent(new Event("turn"));
    this.dispatchEvent(new Event("frames"));
  }

  #frame(frame) {
    this.dispatchEvent(new Event("frames"));
    if (frame.share === undefined) $("step").textContent = progress(frame, performance.now() - this.#began);
    this.studio.film.add(frame);
  }

  async #end(message) {
    const { job } = this;
    const frame = (job.kept && job.frames[result(job)]) || null;
    forgetRun("first");
    this.#ending = true;
    if (message.type === "failed") this.studio.state.set({ runError: message.error ?? "The run failed." });
    await this.studio.film.end();
    this.#ending = false;
    $("status").textContent = ended(message, frame, job.frames.at(-1)?.steps);
    const { label, model } = job.order;
    if (message.type === "done" && label && frame?.wanted < REACHED) {
      const { state } = this.studio;
      const [name, share] = frame.top[0];
      const seen = name === label ? `only ${percent(share)} of it` : `${name}, ${percent(share)}`;
      const next = state.varies ? "Continue, let more change, or try another seed." : "Continue, or let more change.";
      state.set({ hint: `Not “${label}” yet: ${model} sees ${seen}. ${next}` });
    }
    // The status says it already.
    if (message.type === "stopped" || frame?.share !== undefined) $("step").textContent = "";
    this.dispatchEvent(new Event("turn"));
    this.dispatchEvent(new CustomEvent("ended", { detail: frame }));
  }

  /** What was said of the run does not hold any more. */
  #forget() {
    if (!this.live) $("status").textContent = $("step").textContent = "";
  }
}
