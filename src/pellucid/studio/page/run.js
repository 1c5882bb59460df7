/** A run from start to end: its frames on the picture, and what becomes of them. */

import { get, query } from "./api.js";
import { copyImage, decodePng } from "./codec.js";
import { $, enable, say, telling } from "./dom.js";
import { wrong } from "./form.js";
import { Job } from "./job.js";
import { ended, place, progress, result, title } from "./report.js";
import { missing, requestBody } from "./request.js";
import { TAB } from "./tab.js";

/** @typedef {import("./job.js").Frame} Frame */

/**
 * Events: "frames" (there is a new one, or another run), "ended" (detail: the result's frame, null if it failed),
 * "turn" (what can be done with it has changed).
 */
export class Run extends EventTarget {
  /** @type {Job|null} */
  job = null;
  /** What it was asked to do. @type {import("./report.js").Order|null} */
  order = null;
  /** The picture shows the newest frame, until a person looks at another or draws. */
  following = true;
  /** The frame that the picture shows or was made of. @type {Frame|null} */
  seen = null;
  /** Index of the frame that was looked at last. @type {number|null} */
  at = null;

  /** What the last run began with, and what the picture was when it ended. */
  #last = { start: null, version: -1 };
  #waiting = null;
  #ticket = 0;
  #starting = false;
  /** It is over, and its result is about to be shown. */
  #ending = false;
  /** It was stopped before the server had it. */
  #unwanted = false;

  /** @param {Object} studio see main.js */
  constructor(studio) {
    super();
    this.studio = studio;
    studio.picture.addEventListener("edit", () => {
      this.following = false;
      this.#ticket += 1;
      this.#forget();
    });
    studio.state.on("classifier", () => this.#forget());
  }

  get live() {
    return this.#starting || this.#ending || Boolean(this.job?.live);
  }

  /** Whether Run would repeat the last one from where that began: same action, and its result was not drawn upon. */
  get repeats() {
    const { state, picture } = this.studio;
    return this.order?.action === state.action && this.#last.version === picture.version;
  }

  /** The run for people. */
  get title() {
    return title(this.studio.state.actions, this.order);
  }

  /** @param {boolean} continued from what is seen, whatever the action otherwise begins with */
  async start(continued) {
    const { state, picture } = this.studio;
    if (this.live || !state.chosen) return;
    const problem = wrong($("form")) ? "Correct the setting that is marked first." : missing(state, picture);
    say($("run-error"), problem);
    if (problem) return;
    this.#starting = true;
    this.#unwanted = false;
    $("status").textContent = $("step").textContent = "";
    this.dispatchEvent(new Event("turn"));
    await telling($("run-error"), () => this.#begin(continued));
    this.#starting = false;
    this.dispatchEvent(new Event("turn"));
  }

  async #begin(continued) {
    const { picture, compare, photo, session } = this.studio;
    // What is chosen or drawn from now on is for the next run.
    const state = this.studio.state.copy();
    const again = this.repeats && !continued;
    if (!again) await photo.fit();
    const start = again ? this.#last.start : copyImage(picture.image);
    const { version } = picture;
    const body = requestBody(state, picture, { tab: TAB, model: state.classifier.name, start, continued });
    const job = await Job.begin(body);
    session.save();
    const { action, model, seed, label = null } = body;
    this.#attach(job, { action, label, model, seed }, start, picture.version === version);
    this.#starting = false;
    if (this.#unwanted) await this.stop();
    else if (state.compare) await compare.start(body, continued);
  }

  async stop() {
    if (!this.live) return;
    this.#unwanted = true;
    enable($("stop"), false);
    $("status").textContent = "Stopping …";
    if (this.#starting) return;
    this.studio.compare.stop();
    await telling($("run-error"), () => this.job.stop());
  }

  /** After the page was loaded anew: find the run that this tab had begun. */
  async reattach() {
    const { state, picture, compare } = this.studio;
    const { jobs } = await get(query("jobs", { tab: TAB }));
    const live = jobs.filter(({ status }) => status === "running" || status === "queued");
    const unseen = sessionStorage.getItem("run");
    const here = ({ order }) => order.model === state.classifier.name;
    const found = jobs.find(({ job }) => job === unseen) ?? live.find(here);
    if (!found) return;
    this.#attach(new Job(found.job), found.order, copyImage(picture.image), true);
    const other = live.find(({ order }) => order.model !== found.order.model);
    if (other) compare.attach(new Job(other.job), other.order);
  }

  /**
   * @param {Job} job @param {import("./report.js").Order} order @param {ImageData} start
   * @param {boolean} following false if the person has drawn while the server was asked
   */
  #attach(job, order, start, following) {
    Object.assign(this, { job, order, following, at: null });
    this.#last = { start, version: -1 };
    sessionStorage.setItem("run", job.id);
    job.addEventListener("queued", ({ detail }) => ($("status").textContent = place(detail.place)));
    job.addEventListener("started", () => ($("status").textContent = "Running"));
    job.addEventListener("broken", () => ($("status").textContent = "Connection lost, trying again"));
    job.addEventListener("frame", ({ detail }) => this.#frame(detail));
    job.addEventListener("progress", ({ detail }) => ($("step").textContent = progress(detail)));
    for (const name of ["done", "stopped", "failed"]) job.addEventListener(name, ({ detail }) => this.#end(detail));
    job.follow();
    this.dispatchEvent(new Event("turn"));
    this.dispatchEvent(new Event("frames"));
  }

  #frame(frame) {
    this.dispatchEvent(new Event("frames"));
    if (frame.share === undefined) $("step").textContent = progress(frame);
    if (!this.following) return;
    if (!this.#waiting) requestAnimationFrame(() => this.#paint());
    this.#waiting = frame;
  }

  /** Show the newest of the frames that came since the last painting. */
  #paint() {
    const frame = this.#waiting;
    this.#waiting = null;
    if (frame && this.following && this.job.live) this.#show(frame);
  }

  /** @returns {Promise<ImageData|null>} the frame's image, or null if another frame was asked for in the meantime */
  async #show(frame) {
    const ticket = ++this.#ticket;
    const image = await decodePng(frame.picture);
    if (ticket !== this.#ticket) return null;
    this.studio.picture.show(image);
    this.seen = frame;
    this.showBars(frame);
    return image;
  }

  /** Show what the classifier sees in a frame; nothing if another one is chosen now. @param {Frame|null} frame */
  showBars(frame) {
    const { bars, state } = this.studio;
    const { model, label } = this.order ?? {};
    if (frame && model === state.classifier.name) bars.show(frame.top, label, frame.wanted);
    else bars.clear();
  }

  /** The picture is no longer the run's, or the classifier is another: what was said of the run does not hold. */
  #forget() {
    this.seen = null;
    this.studio.bars.clear();
    if (!this.live) $("status").textContent = $("step").textContent = "";
  }

  /** Look at a frame; the picture stays what it is. @param {number} at index of the frame */
  look(at) {
    const { frames } = this.job;
    this.at = at;
    this.following = at === frames.length - 1;
    this.studio.compare.look(at / Math.max(1, frames.length - 1));
    return this.#show(frames[at]);
  }

  /** Make a frame the picture. @param {number} at @param {"run"|"frame"} kind of change, for undo */
  async take(at, kind = "frame") {
    const image = await this.look(at);
    if (!image) return;
    this.studio.picture.replace(image, kind);
    this.#last.version = this.studio.picture.version;
    this.dispatchEvent(new Event("turn"));
  }

  async #end(message) {
    const at = result(this.job);
    const frame = this.job.frames[at];
    const failed = message.type === "failed";
    sessionStorage.removeItem("run");
    this.#waiting = null;
    this.#ending = true;
    if (failed) this.#fail(message.error ?? "The run failed.");
    else if (frame && this.following) await this.take(at, "run");
    this.#ending = false;
    $("status").textContent = ended(message, frame);
    // The status says it already.
    if (message.type === "stopped" || frame?.share !== undefined) $("step").textContent = "";
    this.dispatchEvent(new Event("turn"));
    this.dispatchEvent(new CustomEvent("ended", { detail: failed ? null : frame }));
  }

  /** @param {string} error */
  #fail(error) {
    say($("run-error"), error);
    if (!this.following) return;
    this.studio.picture.show(null);
    this.seen = null;
    this.showBars(null);
  }
}
