/** Kept runs that come with the page: the first is seen while the studio starts, and each starts with one click. */

import { request } from "./api.js";
import { decodeImage, pictureUrl } from "./codec.js";
import { choose, decodeStroke } from "./desk.js";
import { $, make, sleep } from "./dom.js";
import { fade } from "./film.js";
import { Job } from "./job.js";

const NAMES = ["sketch", "photo", "stylize", "compare", "paint", "zebra"];
/** Milliseconds from one frame to the next, and for which the last one rests. */
const FRAME = 250;
const REST = 1500;

/**
 * @typedef {import("./job.js").Order & {title: string, compare: boolean, picture?: string, second?: string,
 *   strokes?: Object[], frames: import("./job.js").Frame[]}} Example
 */

export class Examples {
  /** @type {Promise<Example[]>} */
  #loaded;

  /** @param {Object} studio see main.js */
  constructor(studio) {
    this.studio = studio;
    this.#loaded = Promise.all(
      NAMES.map(async (name) => (await request("GET", `page/examples/${name}.json`)).json()),
    );
    this.#loaded.then((all) => $("examples").append(...all.map((example) => this.#item(example))), () => {});
  }

  /** Play the first one again and again. @param {Promise<void>} until what ends it at once, well or not */
  async play(until) {
    let ended = false;
    const over = until.then(() => {}, () => {}).then(() => (ended = true));
    const wanted = () => !ended;
    const { picture } = this.studio;
    const [{ frames }] = await this.#loaded;
    const images = await Promise.all(frames.map((frame) => decodeImage(frame.picture)));
    while (wanted()) {
      for (let at = 0; at < images.length && wanted(); at++) {
        await fade(images[at - 1] ?? null, images[at], FRAME, (image) => picture.show(image), wanted);
        if (!at) await Promise.race([sleep(FRAME), over]);
      }
      await Promise.race([sleep(REST), over]);
    }
  }

  /** Begin with the first one as it was kept. @returns {Promise<boolean>} false if it is another classifier's */
  async first() {
    const [example] = await this.#loaded;
    const { state, run } = this.studio;
    if (example.model !== state.classifier.name) return false;
    const start = await this.#put(example);
    await run.bring(Job.saved(example, example.frames), start);
    return true;
  }

  #item(example) {
    const { title, frames: [first, ...others] } = example;
    const picture = (frame) => make("img", { src: pictureUrl(frame.picture), alt: "", width: 44, height: 44 });
    const open = () => this.studio.state.telling("pictureError", () => this.#open(example));
    const button = make(
      "button",
      { type: "button", title: `Run this example: ${title}`, onclick: open },
      picture(first), picture(others.at(-1)), make("span", {}, title),
    );
    return make("li", {}, button);
  }

  async #open(example) {
    const { state, run, models } = this.studio;
    if (!state.classifier) return;
    await run.leave();
    if (state.classifier.name !== example.model) await models.load(example.model);
    await this.#put(example);
    state.set({ compare: example.compare, hint: "" });
    await run.start(false);
  }

  /** Put what an example begins with on the page. @param {Example} example */
  async #put(example) {
    const { state, picture } = this.studio;
    const image = await decodeImage(example.picture ?? example.frames[0].picture);
    picture.replace(image, "pixels", new Uint8Array(image.width * image.height));
    const strokes = (example.strokes ?? []).map((stroke) => decodeStroke({ on: true, ...stroke }));
    state.set({ strokes, second: example.second ?? state.second });
    choose(state, example);
    return image;
  }
}
