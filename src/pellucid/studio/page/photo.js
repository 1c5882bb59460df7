/**
 * Pictures from outside: by button, dropped on the page, or pasted; and bringing the picture to a classifier's size,
 * by the square that the person chose.
 */

import { post, query } from "./api.js";
import { decodeImage, encodePng, pngBlob, pictureUrl, same } from "./codec.js";
import { covered } from "./disc.js";
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
  /**
   * The file that was opened last, and what the page has made of it: an action may want another size than was shown.
   * @type {{file: Blob, shown: ImageData[], at: number}|null} at: where its square lies along the longer side
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
    studio.state.on("action factor", () => this.#showCrop());
    studio.picture.addEventListener("change", () => this.#showCrop());
    $("crop-at").addEventListener("input", () => this.#frame());
    $("crop-at").addEventListener("change", () => studio.state.telling("pictureError", () => this.#crop()));
    $("crop-picture").addEventListener("load", () => this.#frame());
    $("crop").addEventListener("pointerdown", (event) => $("crop").setPointerCapture(event.pointerId));
    $("crop").addEventListener("pointerdown", (event) => this.#drag(event));
    $("crop").addEventListener("pointermove", (event) => event.buttons && this.#drag(event));
    $("crop").addEventListener("pointerup", () => $("crop-at").dispatchEvent(new Event("change")));
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
    const at = file === this.#opened?.file ? this.#opened.at : 0.5;
    return post(query("photo", { model: this.studio.state.classifier.name, size, at }), file);
  }

  /** Make a photo the picture. @param {Blob} file */
  async open(file) {
    const { state, picture, run, choose } = this.studio;
    const image = await decodeImage((await this.#upload(file, state.takesWhole ? "keep" : "fit")).picture);
    await run.leave();
    this.#opened = { file, shown: [image], at: 0.5 };
    URL.revokeObjectURL($("crop-picture").src);
    $("crop-picture").src = URL.createObjectURL(file);
    $("crop-at").value = "0.5";
    picture.replace(image);
    // Who brings a photo wants an action that changes it.
    if (!state.chosen.needs.picture || state.action === "sketch") choose("translate");
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
    const sized = await decodeImage(picture);
    photo?.shown.push(sized);
    return sized;
  }

  /** Another square of the photo becomes the picture. */
  async #crop() {
    if (!this.untouched) return;
    this.#opened.at = Number($("crop-at").value);
    const image = await decodeImage((await this.#upload(this.#opened.file, "fit")).picture);
    await this.studio.run.leave();
    this.#opened.shown = [image];
    this.studio.picture.replace(image);
  }

  /** The middle of the square goes where the pointer is. @param {PointerEvent} event */
  #drag(event) {
    const { left, top, width, height } = $("crop-picture").getBoundingClientRect();
    const [at, longer] = width > height ? [event.clientX - left, width] : [event.clientY - top, height];
    const side = Math.min(width, height);
    $("crop-at").value = String((at - side / 2) / (longer - side));
    this.#frame();
  }

  /** Which part of a photo is used is shown as long as the picture is that photo, and not all of it. */
  #showCrop() {
    const { naturalWidth, naturalHeight } = $("crop-picture");
    const square = naturalWidth === naturalHeight;
    $("input-crop").hidden = square || !this.untouched || this.studio.state.takesWhole;
  }

  /** Draw the square on the photo. */
  #frame() {
    const { naturalWidth: width, naturalHeight: height } = $("crop-picture");
    const [side, at] = [Math.min(width, height), Number($("crop-at").value)];
    const { style } = $("crop-frame");
    style.width = `${(100 * side) / width}%`;
    style.height = `${(100 * side) / height}%`;
    style.left = `${(100 * at * (width - side)) / width}%`;
    style.top = `${(100 * at * (height - side)) / height}%`;
    this.#showCrop();
  }

  /** The picture as a second one: all of a photo that is untouched. */
  async #current() {
    if (this.untouched) return (await this.#upload(this.#opened.file, "keep")).picture;
    return encodePng(this.studio.picture.image);
  }

  #receive(file) {
    const { state, session } = this.studio;
    if (!file || !state.classifier) return;
    const saved = /\.json$/i.test(file.name) || file.type === "application/json";
    state.telling("pictureError", () => (saved ? session : this).open(file));
  }

  #second(take) {
    telling($("second-error"), async () => this.studio.state.set({ second: await take() }));
  }

  #showSecond() {
    const { second, chosen } = this.studio.state;
    const image = $("second-picture");
    image.hidden = !second;
    if (second) image.src = pictureUrl(second);
    $("second-name").textContent = chosen?.needs.style ? "Style picture" : "Second picture";
    const wanted = chosen?.needs.style ? "whose colors and strokes to take over" : "to end with";
    $("second-about").textContent = second ? "" : `None yet: the picture ${wanted}.`;
  }
}
