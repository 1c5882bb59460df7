/** The picture: its pixels, its mask, a frame that is shown in its place, and undo. */

import { blank, copyImage } from "./codec.js";

/** Bytes of pixels that undo may keep. */
const MEMORY = 96e6;

/** @typedef {{x: number, y: number, width: number, height: number}} Rectangle in pixels */

/**
 * Events: "paint" (detail: the rectangle that changed, null for all), "edit" (a person changed pixels or is about to),
 * "draw" (with a brush), "mask" (the mask changed), "change" (pixels, mask or undo changed).
 */
export class Picture extends EventTarget {
  image = blank(32, 32);
  mask = new Uint8Array(32 * 32);
  /** Shown in place of the pixels, as when a run's frames go by. @type {ImageData|null} */
  shown = null;
  /** Shown for a moment above all that; never painted on. @type {ImageData|null} */
  glimpsed = null;
  /** Another mask shown in place of the picture's own, as of a stroke that is pointed at. @type {Uint8Array|null} */
  marked = null;
  /** Changes with the pixels. */
  version = 0;

  #past = [];
  #future = [];

  get width() {
    return this.image.width;
  }

  get height() {
    return this.image.height;
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  /** What is to be seen. @returns {ImageData} */
  get visible() {
    return this.glimpsed ?? this.shown ?? this.image;
  }

  /** How many pixels the mask covers. */
  get masked() {
    return this.mask.reduce((sum, value) => sum + value, 0);
  }

  /**
   * Keep what is there for undo, because it is about to change.
   * @param {"pixels"|"mask"|"run"|"frame"} kind several frames in a row are kept as one change
   */
  begin(kind) {
    if (this.glimpsed) this.glimpse(null);
    if (this.shown && (kind === "pixels" || !this.#fits(this.shown))) this.#take(this.shown, "run");
    this.#keep(kind);
    if (kind !== "pixels") return;
    for (const name of ["edit", "draw"]) this.dispatchEvent(new Event(name));
  }

  /**
   * Make an image the picture; undo brings the other one back.
   * @param {ImageData} image
   * @param {"pixels"|"run"|"frame"} kind
   * @param {Uint8Array} [mask] for it; otherwise the present one stays if it fits
   */
  replace(image, kind = "pixels", mask = undefined) {
    if (kind === "pixels") this.dispatchEvent(new Event("edit"));
    this.#take(image, kind, mask);
    this.#changed(null);
  }

  /** Start over with an image: nothing to undo. @param {ImageData} image @param {Uint8Array} [mask] */
  reset(image, mask) {
    this.dispatchEvent(new Event("edit"));
    this.#past = [];
    this.#future = [];
    this.shown = null;
    this.#set(image, mask ?? new Uint8Array(image.width * image.height));
    this.#changed(null);
  }

  /** Show a frame in place of the pixels, or the pixels again. @param {ImageData|null} image */
  show(image) {
    this.shown = image;
    this.#painted(null);
  }

  /** Show an image for a moment, until something changes, or no longer. @param {ImageData|null} image */
  glimpse(image) {
    this.glimpsed = image;
    this.#painted(null);
  }

  /** Show another mask in place of the picture's own, or its own again. @param {Uint8Array|null} mask */
  mark(mask) {
    this.marked = mask?.length === this.mask.length ? mask : null;
    this.#painted(null);
  }

  /** Pixels were written. @param {Rectangle|null} rectangle */
  touched(rectangle) {
    this.version += 1;
    this.#painted(rectangle);
  }

  /** The mask was written. @param {Rectangle|null} rectangle */
  maskTouched(rectangle) {
    this.#painted(rectangle);
    this.dispatchEvent(new Event("mask"));
  }

  /** A stroke is complete. */
  finished() {
    this.dispatchEvent(new Event("change"));
  }

  clearMask() {
    this.begin("mask");
    this.mask = new Uint8Array(this.mask.length);
    this.#changed(null);
  }

  undo() {
    this.#travel(this.#past, this.#future);
  }

  redo() {
    this.#travel(this.#future, this.#past);
  }

  /** Take back what was begun last, as if it had not happened. */
  cancel() {
    this.undo();
    this.#future.pop();
    this.finished();
  }

  #travel(from, to) {
    const other = from.pop();
    if (!other) return;
    this.dispatchEvent(new Event("edit"));
    to.push({ image: this.image, mask: this.mask, kind: other.kind });
    this.shown = null;
    this.#set(other.image, other.mask);
    this.#changed(null);
  }

  #take(image, kind, mask) {
    this.#keep(kind);
    this.shown = null;
    const kept = this.#fits(image) ? this.mask : new Uint8Array(image.width * image.height);
    this.#set(copyImage(image), mask ?? kept);
  }

  #fits(image) {
    return image.width === this.width && image.height === this.height;
  }

  #set(image, mask) {
    this.image = image;
    this.mask = mask;
    this.glimpsed = this.marked = null;
    this.version += 1;
  }

  #keep(kind) {
    this.#future = [];
    if (kind === "frame" && this.#past.at(-1)?.kind === "frame") return;
    this.#past.push({ image: copyImage(this.image), mask: this.mask.slice(), kind });
    let bytes = 0;
    const tooOld = this.#past.findLastIndex(({ image }) => (bytes += 1.25 * image.data.length) > MEMORY);
    this.#past.splice(0, tooOld + 1);
  }

  #changed(rectangle) {
    this.#painted(rectangle);
    this.dispatchEvent(new Event("mask"));
    this.finished();
  }

  #painted(rectangle) {
    this.dispatchEvent(new CustomEvent("paint", { detail: rectangle }));
  }
}
