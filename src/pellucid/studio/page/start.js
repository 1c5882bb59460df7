/** A new picture: a class seed, a photo, noise, or a blank page. */

import { post } from "./api.js";
import { Chooser } from "./chooser.js";
import { decodeImage } from "./codec.js";
import { $, say, telling } from "./dom.js";
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
      const file = await pickFile("image/*");
      say($("start-status"), "Reading the photo …");
      await telling($("start-error"), async () => {
        await studio.photo.open(file);
        $("start-menu").hidePopover();
      });
      say($("start-status"));
    });
    $("begin-photo").addEventListener("click", async () => {
      const file = await pickFile("image/*");
      await state.telling("pictureError", () => studio.photo.open(file));
    });
    $("begin-draw").addEventListener("click", async () => {
      await this.#make("blank");
      state.set({ tool: "brush" });
      studio.choose("sketch");
      state.set({ hint: "Draw something, choose its class, and press Run." });
    });
    $("begin-surprise").addEventListener("click", () => this.#surprise());
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
        : "Draw something, choose Sketch and a class, and press Run.";
    return { image: await this.#draw(kind, label, seed), hint };
  }

  async #draw(kind, label, seed) {
    const body = { model: this.studio.state.classifier.name, kind, seed };
    if (kind === "class") body.label = label;
    return decodeImage((await post("api/start", body)).picture);
  }

  #make(kind) {
    const { state, picture } = this.studio;
    return telling($("start-error"), async () => {
      const image = await this.#draw(kind, state.label, state.seed);
      await this.studio.run.leave();
      picture.replace(image);
      this.#leave();
    });
  }

  /** Any class, any seed. */
  async #surprise() {
    const { state, run, choose } = this.studio;
    const any = (count) => Math.floor(Math.random() * count);
    const { classes } = state.classifier;
    await run.leave();
    state.set({ label: classes[any(classes.length)], seed: any(1000) });
    choose("generate");
    await run.start(false);
  }

  #leave() {
    $("start-menu").hidePopover();
    this.studio.state.set({ hint: "" });
  }

  #show() {
    const { classifier, label, seed } = this.studio.state;
    if (!classifier) return;
    this.chooser.show(classifier, label, "Which class?");
    $("start-seed").value = String(seed);
    $("start-class").disabled = !classifier.gaussians;
    $("start-about").textContent = classifier.gaussians ? SEEDS : NO_SEEDS;
  }
}
