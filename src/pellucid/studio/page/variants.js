/** The same run with several seeds, as a grid; one of the results can be kept. */

import { copyImage, decodeImage, pictureUrl } from "./codec.js";
import { choose } from "./desk.js";
import { $, make, say } from "./dom.js";
import { Job } from "./job.js";
import { missing, requestBody } from "./request.js";
import { SEEDS } from "./state.js";
import { TAB } from "./tab.js";

/** Of the noise that tells one seed from another where an action otherwise begins with the picture as it is. */
const VARIETY = 0.15;

export class Variants {
  /** The run that goes on. @type {Job|null} */
  #job = null;
  #ticket = 0;

  /** @param {Object} studio see main.js */
  constructor(studio) {
    this.studio = studio;
    for (const button of document.querySelectorAll("[data-variants]")) {
      const start = () => this.#start(Number(button.dataset.variants));
      button.addEventListener("click", () => studio.state.telling("runError", start));
    }
    $("variants-close").addEventListener("click", () => this.close());
    studio.run.addEventListener("turn", () => studio.run.live && this.close());
    studio.state.on("classifier action", () => this.close());
  }

  /** Turn away from the grid. */
  close() {
    this.#ticket += 1;
    if (this.#job?.live) this.#job.stop().catch(() => {});
    $("variants").hidden = true;
  }

  async #start(count) {
    const { run, photo, picture } = this.studio;
    if (run.live) return;
    this.close();
    const problem = missing(this.studio.state, picture);
    if (problem) throw new Error(problem);
    await photo.fit();
    const ticket = this.#ticket;
    const start = run.repeats ? await photo.sized(run.began) : copyImage(picture.image);
    const state = varied(this.studio.state.copy());
    const tile = () => make("li", {}, make("button", { type: "button", disabled: true }));
    const tiles = Array.from({ length: count }, tile);
    $("variants-grid").replaceChildren(...tiles);
    $("variants-grid").style.setProperty("--columns", String(Math.sqrt(count)));
    $("variants").hidden = false;
    say($("variants-about"), "One after the other …");
    for (let at = 0; at < count && ticket === this.#ticket; at++) {
      const seed = (this.studio.state.seed + at) % SEEDS;
      const body = requestBody(Object.assign(state, { seed }), picture, {
        tab: TAB, model: state.classifier.name, start, continued: false,
      });
      await this.#run(await Job.begin(body), tiles[at].firstChild, start);
    }
    if (ticket === this.#ticket) say($("variants-about"), "Click the one that you want to keep.");
  }

  async #run(job, tile, start) {
    const ticket = this.#ticket;
    this.#job = job;
    const image = make("img", { alt: `Seed ${job.order.seed}` });
    tile.append(image, make("span", {}, `seed ${job.order.seed}`));
    job.addEventListener("frame", ({ detail }) => (image.src = pictureUrl(detail.picture)));
    await job.follow();
    if (ticket !== this.#ticket || !job.kept) return;
    tile.disabled = false;
    tile.title = `Keep seed ${job.order.seed}`;
    tile.addEventListener("click", () => this.#keep(job, start));
  }

  async #keep(job, start) {
    const { state, run } = this.studio;
    this.close();
    choose(state, job.order);
    await run.bring(job, start ?? await decodeImage(job.frames[0].picture));
    run.dispatchEvent(new CustomEvent("ended", { detail: run.job.frames.at(-1) }));
  }
}

/** What is chosen, so that each seed leads elsewhere. @param {import("./state.js").State} state */
function varied(state) {
  const settings = state.settings[state.action];
  if (settings?.variety || !state.chosen.form.some(({ name }) => name === "variety")) return state;
  state.settings = { ...state.settings, [state.action]: { ...settings, variety: VARIETY } };
  return state;
}
