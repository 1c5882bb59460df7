/** A new picture: a class seed, a photo, noise, or a blank page. */

import { post } from "./api.js";
import { Chooser } from "./chooser.js";
import { decodePng } from "./codec.js";
import { $, telling } from "./dom.js";
import { pickFile } from "./photo.js";
import { whole } from "./state.js";

const SEEDS = "A draw from what pictures of the class look like on average: a blur that can be turned into a picture.";
const NO_SEEDS = "This classifier comes without class seeds; begin with a photo, noise or a drawing.";

export class Start {
  /** @param {Object} studio see main.js */
  constructor(studio) {
    this.studio = studio;
    const { state } = studio;
    this.chooser = new Chooser($("start-chooser"), "start-label", (label) => state.set({ label }));
    state.on("classifier label seed", () => this.#show());
    $("start-seed").addEventListener("change", () => state.set({ seed: whole($("start-seed").value) }));
    $("start-class").addEventListener("click", () => this.#make("class"));
    $("start-blank").addEventListener("click", () => this.#make("blank"));
    $("start-noise").addEventListener("click", () => this.#make("noise"));
    $("start-photo").addEventListener("click", async () => {
      const opened = await studio.photo.open(await pickFile("image/*"), $("start-error"));
      if (opened) $("start-menu").hidePopover();
    });
  }

  /**
   * What a newcomer sees: a class seed, or a blank page where there are none.
   * @returns {Promise<{image: ImageData, hint: string}>} the hint says what to do with it
   */
  async first() {
    const { classifier, label, seed } = this.studio.state;
    const kind = classifier.gaussians ? "class" : "blank";
    const hint =
      kind === "class"
        ? `This blur is a seed of “${label}”: press Run and watch it take shape.`
        : "Draw something, choose Sketch and a class at the right, and press Run.";
    return { image: await this.#draw(kind, label, seed), hint };
  }

  async #draw(kind, label, seed) {
    const body = { model: this.studio.state.classifier.name, kind, seed };
    if (kind === "class") body.label = label;
    return decodePng((await post("api/start", body)).picture);
  }

  #make(kind) {
    const { state, picture } = this.studio;
    return telling($("start-error"), async () => {
      picture.replace(await this.#draw(kind, state.label, state.seed));
      this.#leave();
    });
  }

  #leave() {
    $("start-menu").hidePopover();
    this.studio.hint("");
  }

  #show() {
    const { classifier, label, seed } = this.studio.state;
    if (!classifier) return;
    this.chooser.show(classifier.classes, label, "Which class?");
    $("start-seed").value = String(seed);
    $("start-class").disabled = !classifier.gaussians;
    $("start-about").textContent = classifier.gaussians ? SEEDS : NO_SEEDS;
  }
}
