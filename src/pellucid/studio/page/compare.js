/** The same action with a second classifier, side by side. */

import { Bars } from "./bars.js";
import { decodeImage } from "./codec.js";
import { Downloads } from "./downloads.js";
import { $, make, say, telling } from "./dom.js";
import { forgetRun, Job, rememberRun } from "./job.js";
import { result, title } from "./report.js";

/** Events: "turn" (what can be done with its run has changed). */
export class Compare extends EventTarget {
  /** The second run; it belongs to the chosen second classifier and to the first one's last run. @type {Job|null} */
  job = null;
  /** The frame that is shown. @type {import("./job.js").Frame|null} */
  seen = null;
  #ticket = 0;
  /** What was asked for and is not sent yet, as the classifier is being loaded. @type {Object|null} */
  #asked = null;
  /** Until the second classifier is loaded. */
  #loading = Promise.resolve();

  /** @param {Object} studio see main.js */
  constructor(studio) {
    super();
    this.studio = studio;
    this.canvas = $("beside-picture");
    this.bars = new Bars($("beside-bars"), 3);
    this.downloads = new Downloads($("beside-downloads"), this.canvas, "beside");
    // At the same place and scale as the picture, so that the two can be compared pixel by pixel.
    const { sheet } = studio.view;
    sheet.addEventListener("place", () => {
      const { width, height, transform } = sheet.style;
      Object.assign(this.canvas.style, { width, height, transform });
    });
    const { state } = studio;
    $("compare-button").addEventListener("click", () => state.set({ compare: !state.compare }));
    $("beside-model").addEventListener("change", () => this.#chosen());
    state.on("compare", () => this.#toggle());
    state.on("classifier", () => this.#choices());
  }

  get model() {
    return $("beside-model").value;
  }

  get live() {
    return this.#asked !== null || Boolean(this.job?.live);
  }

  /** Run the same with the second classifier; it waits for the first. @param {Object} body of the first run */
  async start(body) {
    this.drop();
    const asked = (this.#asked = body);
    this.dispatchEvent(new Event("turn"));
    await telling($("beside-status"), async () => {
      await this.#loading;
      if (asked !== this.#asked) return;
      const job = await Job.begin({ ...body, model: this.model });
      if (asked === this.#asked) this.attach(job);
      else await job.stop();
    });
    if (asked === this.#asked) this.#asked = null;
    this.dispatchEvent(new Event("turn"));
  }

  /** @param {Job} job */
  attach(job) {
    $("beside-model").value = job.order.model;
    this.job = job;
    rememberRun("second", job);
    if (!this.studio.state.compare) this.studio.state.set({ compare: true });
    const on = (names, act) => {
      // Another run may have taken its place.
      const still = ({ detail }) => job === this.job && act(detail);
      for (const name of names.split(" ")) job.addEventListener(name, still);
    };
    on("queued", () => this.#tell("waits for the other run"));
    on("started", () => this.#tell("running"));
    on("frame", (frame) => this.#show(frame));
    on("done", ({ seconds }) => this.#tell(`done in ${seconds.toFixed(1)} s`));
    on("stopped", () => this.#tell("stopped"));
    on("broken", () => this.#tell("connection lost, trying again"));
    on("failed", ({ error }) => this.#tell(error));
    on("done stopped failed", () => this.#end());
    job.follow();
    this.dispatchEvent(new Event("turn"));
  }

  /** Stop the second run. */
  stop() {
    this.#asked = null;
    if (this.job?.live) {
      this.#tell("stopping …");
      this.job.stop().catch(() => {});
    }
    this.dispatchEvent(new Event("turn"));
  }

  /** Turn away from the second run: nothing of it is seen any more. */
  drop() {
    this.stop();
    this.job = this.seen = null;
    this.#ticket += 1;
    forgetRun("second");
    this.bars.clear();
    this.downloads.hide();
    this.canvas.hidden = true;
    this.#tell("");
  }

  /** Look at the frame that lies at this share of the run. @param {number} share 0 to 1 */
  look(share) {
    const frames = this.job?.frames ?? [];
    if (frames.length) this.#show(frames[Math.round(share * (frames.length - 1))]);
  }

  #tell(text) {
    say($("beside-status"), text);
  }

  #end() {
    forgetRun("second");
    if (this.job.frames.length) this.#show(this.job.frames[result(this.job)]);
    this.dispatchEvent(new Event("turn"));
  }

  async #show(frame) {
    const { job } = this;
    const ticket = ++this.#ticket;
    const image = await decodeImage(frame.picture);
    if (ticket !== this.#ticket) return;
    this.seen = frame;
    Object.assign(this.canvas, { width: image.width, height: image.height, hidden: false });
    this.canvas.getContext("2d", { alpha: false }).putImageData(image, 0, 0);
    this.bars.show(frame.top, job.order.label, frame.wanted);
    if (job.kept) this.downloads.of(job, frame, title(this.studio.state.actions, job.order));
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
    this.#chosen();
  }

  /** What another classifier made is not this one's. */
  #chosen() {
    if (this.#asked || (this.job && this.job.order.model !== this.model)) this.drop();
    if (this.studio.state.compare) this.#prepare();
  }

  /** Have the second classifier loaded. */
  #prepare() {
    const tell = (text) => this.live || this.job || this.#tell(text);
    if (!this.model) return tell("There is no other classifier here to compare with.");
    tell("");
    this.#loading = this.studio.models.fetch(this.model, (share) => tell(`loading ${Math.round(100 * share)}%`)).then(
      () => tell("Press Run to see what this classifier makes of it."),
      (error) => tell(error.message),
    );
    return undefined;
  }
}
