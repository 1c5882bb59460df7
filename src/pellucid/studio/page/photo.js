/**
 * Pictures from outside: by button, dropped on the page, or pasted; and bringing the picture to a classifier's size.
 */

import { post, query } from "./api.js";
import { decodePng, encodePng, pngBlob, pngUrl } from "./codec.js";
import { $, telling } from "./dom.js";

/** Ask the person for a file. @param {string} accept @returns {Promise<File>} never if there is none */
export function pickFile(accept) {
  const input = $("file");
  input.accept = accept;
  input.value = "";
  return new Promise((resolve) => {
    input.onchange = () => input.files[0] && resolve(input.files[0]);
    input.click();
  });
}

export class Photo {
  /** @param {Object} studio see main.js */
  constructor(studio) {
    this.studio = studio;
    document.addEventListener("dragover", (event) => event.preventDefault());
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      this.#receive(event.dataTransfer.files[0]);
    });
    document.addEventListener("paste", (event) => this.#receive(event.clipboardData.files[0]));
    $("second-upload").addEventListener(
      "click",
      () => this.#second(async () => (await this.upload(await pickFile("image/*"))).picture),
    );
    $("second-current").addEventListener("click", () => this.#second(() => encodePng(studio.picture.image)));
    studio.state.on("second action classifier", () => this.#showSecond());
  }

  /** Have a file brought to the classifier's size (or to a size for style transfer). @param {Blob} file */
  upload(file) {
    const { classifier, chosen } = this.studio.state;
    return post(query("photo", { model: classifier.name, size: chosen.needs.style ? "keep" : "fit" }), file);
  }

  /** Make a photo the picture. @param {Blob} file @param {HTMLElement} error where to tell what is wrong with it */
  async open(file, error) {
    return telling(error, async () => {
      const { picture } = await this.upload(file);
      this.studio.picture.replace(await decodePng(picture));
      return true;
    });
  }

  /** Bring the picture to the classifier's size, unless the action takes any. */
  async fit() {
    const { state, picture } = this.studio;
    const { size } = state.classifier;
    if (state.chosen.needs.style || !size || (picture.width === size && picture.height === size)) return;
    const { picture: fitted } = await this.upload(await pngBlob(picture.image));
    picture.replace(await decodePng(fitted));
  }

  #receive(file) {
    if (!file || !this.studio.state.classifier) return;
    if (file.name.endsWith(".json")) this.studio.session.open(file);
    else this.open(file, $("picture-error"));
  }

  #second(take) {
    telling($("second-error"), async () => this.studio.state.set({ second: await take() }));
  }

  #showSecond() {
    const { second, chosen } = this.studio.state;
    const image = $("second-picture");
    image.hidden = !second;
    if (second) image.src = pngUrl(second);
    $("second-name").textContent = chosen?.needs.style ? "Style picture" : "Second picture";
    const wanted = chosen?.needs.style ? "whose colors and strokes to take over" : "to end with";
    $("second-about").textContent = second ? "" : `None yet: the picture ${wanted}.`;
  }
}
