/**
 * Pictures from outside: by button, dropped on the page, or pasted; and bringing the picture to a classifier's size.
 */

import { post, query } from "./api.js";
import { decodePng, encodePng, pngBlob, pngUrl } from "./codec.js";
import { covered } from "./disc.js";
import { $, say, telling } from "./dom.js";

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
  /**
   * The file that was opened last, and what the page has made of it: an action may want another size than was shown.
   * @type {{file: Blob, shown: ImageData[]}|null}
   */
  #opened = null;

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
      () => this.#second(async () => (await this.#upload(await pickFile("image/*"), "keep")).picture),
    );
    $("second-current").addEventListener("click", () => this.#second(() => this.#current()));
    studio.state.on("second action classifier", () => this.#showSecond());
  }

  /** Whether the picture is a photo as it was opened, whose file can be reduced anew. */
  get untouched() {
    return Boolean(this.#opened?.shown.some((image) => same(image, this.studio.picture.image)));
  }

  /** Have a file cut to the classifier's size, or only made smaller. @param {Blob} file @param {"fit"|"keep"} size */
  #upload(file, size) {
    return post(query("photo", { model: this.studio.state.classifier.name, size }), file);
  }

  /** Make a photo the picture. @param {Blob} file @param {HTMLElement} error where to tell what is wrong with it */
  async open(file, error) {
    const { state, picture, hint } = this.studio;
    const status = $("start-status");
    say(status, "Reading the photo …");
    const opened = await telling(error, async () => {
      const { takesWhole, chosen } = state;
      const image = await decodePng((await this.#upload(file, takesWhole ? "keep" : "fit")).picture);
      this.#opened = { file, shown: [image] };
      picture.replace(image);
      if (chosen.needs.picture && !takesWhole) {
        hint(`Here it has ${image.width} × ${image.height} pixels; Stylize takes the whole photo.`);
      }
      return true;
    });
    say(status);
    return opened;
  }

  /** Bring the picture to the classifier's size, or an untouched photo to its own where the action takes any. */
  async fit() {
    const { state, picture } = this.studio;
    const { classifier: { size }, takesWhole } = state;
    const { untouched } = this;
    if (takesWhole ? !untouched : !size || (picture.width === size && picture.height === size)) return;
    const { version } = picture;
    const file = untouched ? this.#opened.file : pngBlob(picture.image);
    const image = await decodePng((await this.#upload(file, takesWhole ? "keep" : "fit")).picture);
    // What was painted in the meantime belongs to the picture.
    if (picture.version !== version) return this.fit();
    if (untouched) this.#opened.shown.push(image);
    if (image.width === picture.width && image.height === picture.height) return;
    const mask = takesWhole ? undefined : covered(picture.mask, picture.width, picture.height, size);
    picture.replace(image, "pixels", mask);
  }

  /** The picture as a second one: all of a photo that is untouched. */
  async #current() {
    if (this.untouched) return (await this.#upload(this.#opened.file, "keep")).picture;
    return encodePng(this.studio.picture.image);
  }

  #receive(file) {
    if (!file || !this.studio.state.classifier) return;
    const session = /\.json$/i.test(file.name) || file.type === "application/json";
    if (session) this.studio.session.open(file, $("picture-error"));
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

/** Whether two images are the same, pixel by pixel. @param {ImageData} a @param {ImageData} b */
function same(a, b) {
  return a.width === b.width && a.height === b.height && a.data.every((value, at) => value === b.data[at]);
}
