/** Run, Stop and Continue: a run's frames on the picture, and what becomes of them. */

import { get, query } from "./api.js";
import { decodePng } from "./codec.js";
import { $, enable, onPress, say, telling } from "./dom.js";
import { wrong } from "./form.js";
import { Job } from "./job.js";
import { ended, offer, place, progress, result } from "./report.js";
import { missing, requestBody } from "./request.js";
import { TAB } from "./tab.js";

/** @typedef {import("./job.js").Frame} Frame */

/** Events: "frames" (there is a new one, or another run), "ended" (detail: the last frame). */
export class Run extends EventTarget {
  /** @type {Job|null} */
  job = null;
  /** The picture shows the newest frame, until a person looks at another or draws. */
  following = true;
  /** The frame that the picture shows or was made of. @type {Frame|null} */
  seen = null;
  /** Index of the frame that was looked at last. @type {number|null} */
  at = null;

  /** What the last run began with, and what the picture was when it ended. */
  #last = { action: "", start: null, version: -1 };
  #waiting = null;
  #ticket = 0;
  #starting = false;
  /** It was stopped before the server had it. */
  #unwanted = false;

  /** @param {Object} studio see main.js */
  constructor(studio) {
    super();
    this.studio = studio;
    onPress($("run"), () => this.start(false));
    onPress($("continue"), () => this.start(true));
    onPress($("stop"), () => this.stop());
    studio.picture.addEventListener("edit", () => {
      this.following = false;
      this.#ticket += 1;
      this.#forget();
    });
    studio.picture.addEventListener("change", () => this.#showButtons());
    studio.state.on("action classifier", () => this.#showButtons());
    studio.state.on("classifier", () => this.#forget());
    this.#showButtons();
  }

  get live() {
    return this.#starting || Boolean(this.job?.live);
  }

  /** Whether Run would repeat the last one from where that began: same action, and its result was not drawn upon. */
  get repeats() {
    const { state, picture } = this.studio;
    return this.#last.action === state.action && this.#last.version === picture.version;
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
    this.#showButtons();
    await telling($("run-error"), () => this.#begin(continued));
    this.#starting = false;
    this.#showButtons();
  }

  async #begin(continued) {
    const { state, picture, compare, photo, session } = this.studio;
    const start = this.repeats && !continued ? this.#last.start : (await photo.fit(), picture.image);
    const body = await requestBody(state, picture, { tab: TAB, model: state.classifier.name, start, continued });
    const job = await Job.begin(body);
    session.save();
    this.#attach(job, { action: state.action, model: body.model, label: body.label ?? null, start });
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
    const found = jobs.find(({ job }) => job === unseen) ?? live.find(({ model }) => model === state.classifier.name);
    if (!found) return;
    if (found.action !== state.action) state.set({ action: found.action });
    this.#attach(new Job(found.job), { ...found, label: state.wanted, start: picture.image });
    const other = live.find(({ model }) => model !== found.model);
    if (other) compare.attach(new Job(other.job), other.model);
  }

  /** @param {Job} job */
  #attach(job, { action, model, label, start }) {
    this.job = job;
    this.following = true;
    this.at = null;
    this.label = label;
    this.model = model;
    this.title = [this.studio.state.chosen.title, label].filter(Boolean).join(", ");
    this.#last = { action, start, version: -1 };
    sessionStorage.setItem("run", job.id);
    $("downloads").hidden = true;
    job.addEventListener("queued", ({ detail }) => ($("status").textContent = place(detail.place)));
    job.addEventListener("started", () => ($("status").textContent = "Running"));
    job.addEventListener("broken", () => ($("status").textContent = "Connection lost, trying again"));
    job.addEventListener("frame", ({ detail }) => this.#frame(detail));
    job.addEventListener("progress", ({ detail }) => ($("step").textContent = progress(detail)));
    for (const name of ["done", "stopped", "failed"]) job.addEventListener(name, ({ detail }) => this.#end(detail));
    job.follow();
    this.#showButtons();
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
    if (frame && this.model === state.classifier.name) bars.show(frame.top, this.label, frame.wanted);
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
    this.#showButtons();
  }

  async #end(message) {
    const at = result(this.job.frames);
    const frame = this.job.frames[at];
    const failed = message.type === "failed";
    sessionStorage.removeItem("run");
    this.#waiting = null;
    $("status").textContent = ended(message, frame);
    // The status says it already.
    if (message.type === "stopped" || frame?.share !== undefined) $("step").textContent = "";
    if (failed) say($("run-error"), message.error ?? "The run failed.");
    if (failed && this.following) this.studio.picture.show(null);
    if (!failed && frame) offer($("downloads"), this.job.id, this.title);
    if (!failed && frame && this.following) await this.take(at, "run");
    this.#showButtons();
    this.dispatchEvent(new CustomEvent("ended", { detail: failed ? null : frame }));
  }

  #showButtons() {
    const ready = Boolean(this.studio.state.classifier);
    const seen = Boolean(this.job?.frames.length);
    enable($("run"), ready && !this.live);
    enable($("continue"), ready && !this.live && seen);
    enable($("stop"), this.live);
    enable($("before"), !this.live && seen);
    $("run").textContent = this.repeats ? "Run again" : "Run";
    $("run").title = this.repeats ? "Once more from where the last run began (Ctrl+Enter)" : "Run (Ctrl+Enter)";
  }
}
