/**
 * Pictures from outside: by button, dropped on the page, or pasted; and bringing the picture to a classifier's size.
 */

import { post, query } from "./api.js";
import { decodePng, encodePng, pngBlob, pngUrl, same } from "./codec.js";
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

  /** Whether the picture is a photo as it was opened, whose file can be reduced again. */
  get untouched() {
    return this.#shows(this.studio.picture.image);
  }

  /** Whether an image is the photo that was opened last, in one of its sizes. @param {ImageData} image */
  #shows(image) {
    return Boolean(this.#opened?.shown.some((shown) => same(shown, image)));
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

  /** Bring the picture to the size that the chosen action takes. */
  async fit() {
    const { state: { classifier, takesWhole }, picture } = this.studio;
    const { version } = picture;
    const image = await this.sized(picture.image);
    // What was painted in the meantime belongs to the picture.
    if (picture.version !== version) return this.fit();
    if (image.width === picture.width && image.height === picture.height) return;
    const mask = takesWhole ? undefined : covered(picture.mask, picture.width, picture.height, classifier.size);
    picture.replace(image, "pixels", mask);
  }

  /**
   * An image in the size that the chosen action takes: the classifier's, or an untouched photo's own where any will do.
   * @param {ImageData} image @returns {Promise<ImageData>} the image itself if it has that size
   */
  async sized(image) {
    const { classifier: { size }, takesWhole } = this.studio.state;
    const photo = this.#shows(image) ? this.#opened : null;
    if (takesWhole ? !photo : !size || (image.width === size && image.height === size)) return image;
    const { picture } = await this.#upload(photo?.file ?? pngBlob(image), takesWhole ? "keep" : "fit");
    const sized = await decodePng(picture);
    photo?.shown.push(sized);
    return sized;
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
