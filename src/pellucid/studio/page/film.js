/** A run's frames on the picture: the newest one as they come, one that is looked at, one that is made the picture. */

import { blend, decodeImage, same } from "./codec.js";
import { sleep } from "./dom.js";
import { rememberRun } from "./job.js";
import { result } from "./report.js";

/** Milliseconds in which one frame becomes the next, as they come and when they are played. */
const FADE = 150;
/** Milliseconds that playing all frames takes, at least. */
const PLAYED = 2500;

/** @typedef {import("./job.js").Frame} Frame */

/**
 * Let one image become another.
 * @param {ImageData|null} from @param {ImageData} to
 * @param {number} milliseconds
 * @param {(image: ImageData) => void} paint
 * @param {() => boolean} wanted
 */
export async function fade(from, to, milliseconds, paint, wanted) {
  const fits = from && from.width === to.width && from.height === to.height;
  const still = !fits || document.hidden || matchMedia("(prefers-reduced-motion: reduce)").matches;
  const began = performance.now();
  let share = still ? 1 : 0;
  while (share < 1 && wanted()) {
    paint(blend(from, to, share));
    const now = await new Promise(requestAnimationFrame);
    share = Math.max(0, (now - began) / milliseconds);
  }
  if (wanted()) paint(to);
}

/** Events: "taken" (a frame became the picture, or is it again), "playing" (at another frame, or not any more). */
export class Film extends EventTarget {
  /** The picture shows the newest frame, until a person looks at another or draws. */
  following = true;
  /** The frame that the picture shows or was made of. @type {Frame|null} */
  seen = null;
  /** Index of the frame that is being played. @type {number|null} */
  playing = null;

  /** @type {import("./job.js").Job|null} */
  #job = null;
  /** The newest of the frames that came since the last painting. @type {Frame|null} */
  #waiting = null;
  #ticket = 0;
  /** The frame that became the picture last, and what it looks like. @type {{frame: Frame, image: ImageData}|null} */
  #taken = null;
  /** The picture's version then. */
  #version = -1;

  /** @param {Object} studio see main.js */
  constructor(studio) {
    super();
    this.studio = studio;
    studio.picture.addEventListener("edit", () => {
      this.#follow(false);
      this.#forget();
    });
    studio.picture.addEventListener("change", () => this.#recognize());
    studio.state.on("classifier", () => {
      this.#taken = null;
      this.#forget();
    });
  }

  /** Whether the picture is a frame of the run, and not drawn upon. */
  get intact() {
    return this.#version === this.studio.picture.version;
  }

  /** Index of the frame that was shown last; -1 if none was. */
  get at() {
    return this.#job?.frames.indexOf(this.#job.held) ?? -1;
  }

  /** Turn to another run, or to none. @param {import("./job.js").Job|null} job @param {boolean} following */
  watch(job, following) {
    this.#job = job;
    this.seen = this.#waiting = this.#taken = null;
    this.#version = -1;
    this.#ticket += 1;
    this.#follow(following);
  }

  /** A frame has come. @param {Frame} frame */
  add(frame) {
    if (!this.following) return;
    if (!this.#waiting) requestAnimationFrame(() => this.#paint());
    this.#waiting = frame;
  }

  /** The run is over: its result becomes the picture, unless the person looks at something else. */
  async end() {
    this.#waiting = null;
    if (!this.following) return;
    if (this.#job.kept && this.#job.frames.length) await this.take(result(this.#job), "run");
    else this.#clear();
  }

  /** Look at a frame; the picture stays what it is. @param {number} at index of the frame */
  look(at) {
    const { frames } = this.#job;
    this.#follow(at === frames.length - 1);
    this.studio.compare.look(at / Math.max(1, frames.length - 1));
    return this.#show(frames[at]);
  }

  /** Make a frame the picture. @param {number} at @param {"run"|"frame"} kind of change, for undo */
  async take(at, kind = "frame") {
    const frame = this.#job.frames[at];
    const image = await this.look(at);
    if (!image) return;
    this.studio.picture.replace(image, kind);
    this.#taken = { frame, image };
    this.#own(frame);
  }

  /** Play all frames, each becoming the next, and show then what was shown before. */
  async play() {
    const { frames } = this.#job;
    const { seen, studio: { picture } } = this;
    const ticket = ++this.#ticket;
    const images = await Promise.all(frames.map((frame) => decodeImage(frame.picture)));
    const wanted = () => ticket === this.#ticket && this.playing !== null;
    for (let at = 0; at < frames.length && ticket === this.#ticket; at++) {
      if (at && this.playing === null) break;
      this.#play(at);
      this.showBars(frames[at]);
      this.studio.compare.look(at / Math.max(1, frames.length - 1));
      await fade(images[at - 1] ?? null, images[at], PLAYED / frames.length, (image) => picture.show(image), wanted);
    }
    this.#play(null);
    if (ticket !== this.#ticket) return;
    await sleep(300);
    if (ticket !== this.#ticket) return;
    picture.show(null);
    this.showBars(seen);
  }

  pause() {
    this.#play(null);
  }

  #play(at) {
    this.playing = at;
    this.dispatchEvent(new Event("playing"));
  }

  /** Show what the classifier sees in a frame; nothing if another one is chosen now. @param {Frame|null} frame */
  showBars(frame) {
    const { bars, state } = this.studio;
    const { model, label, action } = this.#job?.order ?? {};
    if (action === "stylize") bars.clear("A style has no class.");
    else if (frame && model === state.classifier.name) bars.show(frame.top, label, frame.wanted);
    else bars.clear();
  }

  #paint() {
    const frame = this.#waiting;
    this.#waiting = null;
    if (frame && this.following && this.#job?.live) this.#show(frame, FADE);
  }

  /** @returns {Promise<ImageData|null>} the frame's image, or null if another frame was asked for in the meantime */
  async #show(frame, milliseconds = 0) {
    const ticket = ++this.#ticket;
    const { picture } = this.studio;
    const from = milliseconds ? picture.visible : null;
    this.#job.held = frame;
    const image = await decodeImage(frame.picture);
    if (ticket !== this.#ticket) return null;
    this.seen = frame;
    this.showBars(frame);
    await fade(from, image, milliseconds, (mixed) => picture.show(mixed), () => ticket === this.#ticket);
    return ticket === this.#ticket ? image : null;
  }

  /** Whether the newest frame is shown is known to the next page in this tab too. */
  #follow(following) {
    this.following = following;
    if (this.#job?.live) rememberRun("first", this.#job, following);
  }

  /** The picture is no longer the run's, or the classifier is another: what was said of the run does not hold. */
  #forget() {
    this.#ticket += 1;
    this.seen = null;
    this.studio.bars.clear();
  }

  /** The run has no result: the picture is to be seen again. */
  #clear() {
    this.#forget();
    this.studio.picture.show(null);
  }

  /** Undo may have made the picture again what a frame had made it. */
  #recognize() {
    if (this.seen || !this.#taken || !same(this.#taken.image, this.studio.picture.image)) return;
    this.#own(this.#taken.frame);
    this.showBars(this.seen);
  }

  /** The picture is this frame. @param {Frame} frame */
  #own(frame) {
    this.seen = frame;
    this.#version = this.studio.picture.version;
    this.dispatchEvent(new Event("taken"));
  }
}
