/** The same action with a second classifier, side by side; and the picture before the run, while a button is held. */

import { Bars } from "./bars.js";
import { decodePng } from "./codec.js";
import { $, make, say, telling } from "./dom.js";
import { Job } from "./job.js";
import { offer, result, title } from "./report.js";

export class Compare {
  /** @type {Job|null} */
  job = null;
  /** What it was asked to do. @type {import("./report.js").Order|null} */
  order = null;
  #ticket = 0;
  /** The button for the picture before the run is held down. */
  #held = false;
  /** Until the second classifier is loaded. */
  #loading = Promise.resolve();

  /** @param {Object} studio see main.js */
  constructor(studio) {
    this.studio = studio;
    this.canvas = $("beside-picture");
    this.bars = new Bars($("beside-bars"), 3);
    const link = (text) => make("a", { download: true }, text);
    this.downloads = make("span", { hidden: true }, "Download ", link("PNG"), " ", link("JSON"));
    $("beside-status").after(this.downloads);
    // At the same place and scale as the picture, so that the two can be compared pixel by pixel.
    const { sheet } = studio.view;
    sheet.addEventListener("place", () => {
      const { width, height, transform } = sheet.style;
      Object.assign(this.canvas.style, { width, height, transform });
    });
    const { state } = studio;
    $("compare-button").addEventListener("click", () => state.set({ compare: !state.compare }));
    $("beside-model").addEventListener("change", () => {
      this.downloads.hidden = true;
      this.bars.clear();
      this.#prepare();
    });
    state.on("compare", () => this.#toggle());
    state.on("classifier", () => this.#choices());
    const before = $("before");
    before.addEventListener("pointerdown", () => this.before(true));
    for (const name of ["pointerup", "pointerleave", "blur"]) before.addEventListener(name, () => this.before(false));
    before.addEventListener("keydown", (event) => event.key === " " && this.before(true));
    before.addEventListener("keyup", () => this.before(false));
    // A key or button that is let go outside of the window is never heard of.
    addEventListener("blur", () => this.before(false));
  }

  get model() {
    return $("beside-model").value;
  }

  /** Run the same again with the second classifier; it waits for the first. @param {Object} body of the first run */
  async start(body, continued) {
    const own = this.job?.frames.at(-1)?.picture;
    const picture = continued && own ? own : body.picture;
    await telling($("beside-status"), async () => {
      await this.#loading;
      const { model } = this;
      const job = await Job.begin({ ...body, model, picture });
      this.attach(job, { action: body.action, label: body.label ?? null, model, seed: body.seed });
    });
  }

  /** @param {Job} job @param {import("./report.js").Order} order */
  attach(job, order) {
    if (!this.studio.state.compare) this.studio.state.set({ compare: true });
    $("beside-model").value = order.model;
    Object.assign(this, { job, order });
    this.bars.clear();
    this.downloads.hidden = true;
    $("beside-status").hidden = false;
    const tell = (text) => ($("beside-status").textContent = text);
    job.addEventListener("queued", () => tell("waits for the other run"));
    job.addEventListener("started", () => tell("running"));
    job.addEventListener("frame", ({ detail }) => this.#show(detail));
    job.addEventListener("done", ({ detail }) => tell(`done in ${detail.seconds.toFixed(1)} s`));
    job.addEventListener("stopped", () => tell("stopped"));
    const over = () => job.frames.length && this.#show(job.frames[result(job)]);
    for (const name of ["done", "stopped"]) job.addEventListener(name, over);
    job.addEventListener("broken", () => tell("connection lost, trying again"));
    job.addEventListener("failed", ({ detail }) => tell(detail.error));
    job.follow();
  }

  /** Stop the second run too. */
  stop() {
    if (this.job?.live) this.job.stop().catch(() => {});
  }

  /** Look at the frame that lies at this share of the run. @param {number} share 0 to 1 */
  look(share) {
    const frames = this.job?.frames ?? [];
    if (frames.length) this.#show(frames[Math.round(share * (frames.length - 1))]);
  }

  /** Show the pictures as they were before the run, or as they are now. @param {boolean} on */
  async before(on) {
    const { picture, run } = this.studio;
    if (on === this.#held || (on && (!run.job?.frames.length || run.live))) return;
    this.#held = on;
    this.look(on ? 0 : 1);
    const image = on ? await decodePng(run.job.frames[0].picture) : null;
    if (on !== this.#held) return;
    picture.glimpse(image);
    run.showBars(on ? run.job.frames[0] : run.seen);
  }

  async #show(frame) {
    const ticket = ++this.#ticket;
    const image = await decodePng(frame.picture);
    if (ticket !== this.#ticket) return;
    Object.assign(this.canvas, { width: image.width, height: image.height });
    this.canvas.getContext("2d", { alpha: false }).putImageData(image, 0, 0);
    this.bars.show(frame.top, this.order.label, frame.wanted);
    if (!this.job.live) offer(this.downloads, this.job, frame, title(this.studio.state.actions, this.order));
  }

  #toggle() {
    const { compare } = this.studio.state;
    $("compare-button").setAttribute("aria-pressed", String(compare));
    $("beside").hidden = !compare;
    if (compare) this.#prepare();
    else this.stop();
  }

  /** Offer the other classifiers, first of all the partner that is known. */
  #choices() {
    const { state, models } = this.studio;
    const names = models.names.filter((name) => name !== state.classifier.name);
    const kept = names.includes(this.model) && this.job ? this.model : null;
    $("beside-model").replaceChildren(...names.map((name) => make("option", { value: name }, name)));
    $("beside-model").value = kept ?? state.classifier.beside ?? names[0] ?? "";
    if (state.compare) this.#prepare();
  }

  /** Have the second classifier loaded. */
  #prepare() {
    say($("beside-status"));
    if (!this.model) return say($("beside-status"), "There is no other classifier here to compare with.");
    const tell = (share) => say($("beside-status"), `loading ${Math.round(100 * share)}%`);
    this.#loading = this.studio.models.fetch(this.model, tell).then(
      () => say($("beside-status"), "Run shows here what this one makes of it."),
      (error) => say($("beside-status"), error.message),
    );
    return undefined;
  }
}
