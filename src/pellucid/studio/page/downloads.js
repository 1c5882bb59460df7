/**
 * Downloads of what a pane shows: PNGs of three sizes, before and after side by side, the run as a video, and what
 * repeats it.
 */

import { blend, canvasOf, decodeImage, pictureUrl } from "./codec.js";
import { make } from "./dom.js";
import { result } from "./report.js";

/** Milliseconds that all frames take, and for which the last one rests. */
const PLAYED = 3000;
const REST = 1000;
/** Pixels of the shorter side, at least: players blur what is smaller. */
const SIDE = 512;
const BITS = 6e6;

/** The kind of video that this browser records; undefined if it records none. */
const KIND = ["video/webm", "video/mp4"].find((kind) => window.MediaRecorder?.isTypeSupported(kind));

const VIDEO = KIND?.includes("mp4") ? "MP4" : "WebM";

export class Downloads {
  /** With what a run began, for before | after. @type {HTMLCanvasElement|null} */
  #before = null;
  #ticket = 0;
  /** Of the run whose result is offered. @type {import("./job.js").Frame[]} */
  #frames = [];
  /** What is shown is the person's own picture. */
  #own = false;

  /**
   * @param {HTMLElement} element to be filled
   * @param {HTMLCanvasElement} shown what the pane shows
   * @param {string} name of the pane: its links are NAME-png and so on
   */
  constructor(element, shown, name) {
    const link = (kind, text, title = "") => make("a", { id: `${name}-${kind}`, download: true, title }, text);
    const png = () => this.#own && (this.png.href = shown.toDataURL("image/png"));
    this.element = element;
    this.text = document.createTextNode("");
    this.png = link("png", "PNG");
    this.json = link("json", "JSON", "Repeat it with: pellucid rerun FILE.json");
    this.gif = link("gif", "GIF", "The picture as it forms");
    this.video = link("video", VIDEO, "The picture as it forms; the browser takes four seconds to record it");
    this.pair = link("pair", "Before | after");
    const larger = [2, 4].map((times) => {
      const one = link(`x${times}`, `×${times}`, `PNG of ${times} times the size, smoothly enlarged`);
      one.addEventListener("click", () => (one.href = beside([shown], times).toDataURL("image/png")));
      return one;
    });
    this.png.addEventListener("click", png);
    this.pair.addEventListener("click", () => {
      this.pair.href = beside([this.#before, shown], 2).toDataURL("image/png");
    });
    this.larger = larger;
    this.video.href = "#";
    this.video.addEventListener("click", (event) => this.#record(event));
    const links = [this.png, ...larger, this.pair, this.gif, this.video, this.json];
    element.append(this.text, ...links.flatMap((one) => [one, " "]));
  }

  /** Nothing is offered. */
  hide() {
    this.element.hidden = true;
  }

  /** Offer the person's own picture, which becomes a file only when it is asked for. */
  own() {
    this.#own = true;
    this.#offer("Download this picture: ", "picture");
    this.json.hidden = this.gif.hidden = this.video.hidden = this.pair.hidden = true;
    this.png.href = "#";
  }

  /**
   * Offer one of a run's frames: the result with what repeats it, or another one.
   * @param {import("./job.js").Job} job that is over
   * @param {import("./job.js").Frame} frame
   * @param {string} title of the run
   */
  of(job, frame, title) {
    const at = job.frames.indexOf(frame);
    const whole = job.kept && at === result(job);
    this.#own = false;
    const [what, name] = whole ? [title, ""] : [`frame ${at + 1} of ${title}`, `frame-${at + 1}`];
    this.#offer(`Download ${what}: `, name);
    this.png.href = whole ? `api/jobs/${job.id}/result.png` : pictureUrl(frame.picture);
    this.json.href = `api/jobs/${job.id}/result.json`;
    this.gif.href = `api/jobs/${job.id}/result.gif`;
    this.json.hidden = this.gif.hidden = !whole;
    this.video.hidden = !whole || !KIND;
    this.#frames = job.frames;
    this.#start(job.frames[0], at);
  }

  /** @param {string} text @param {string} name of the files; "" for the server's */
  #offer(text, name) {
    this.text.data = text;
    this.png.download = name && `${name}.png`;
    this.larger.forEach((one, at) => (one.download = `${name || "result"}-x${[2, 4][at]}.png`));
    this.pair.download = `${name || "result"}-before-after.png`;
    this.element.hidden = false;
  }

  /** Record the run, and download it. */
  async #record(event) {
    event.preventDefault();
    if (this.video.textContent !== VIDEO) return;
    this.video.textContent = "Recording …";
    const images = await Promise.all(this.#frames.map((frame) => decodeImage(frame.picture)));
    const href = URL.createObjectURL(await record(images));
    make("a", { href, download: `result.${VIDEO.toLowerCase()}` }).click();
    this.video.textContent = VIDEO;
    setTimeout(() => URL.revokeObjectURL(href), 60_000);
  }

  async #start(first, at) {
    const ticket = ++this.#ticket;
    this.pair.hidden = at === 0;
    const before = canvasOf(await decodeImage(first.picture));
    if (ticket === this.#ticket) this.#before = before;
  }
}

/** Canvases side by side, each this many times as large, smoothly. @param {HTMLCanvasElement[]} canvases */
function beside(canvases, times) {
  const [{ width, height }] = canvases;
  const sheet = make("canvas", { width: times * width * canvases.length, height: times * height });
  const context = sheet.getContext("2d", { alpha: false });
  context.imageSmoothingQuality = "high";
  canvases.forEach((one, at) => context.drawImage(one, at * times * width, 0, times * width, times * height));
  return sheet;
}

/**
 * Record images, each becoming the next.
 * @param {ImageData[]} images shown at the last one's size
 * @returns {Promise<Blob>}
 */
async function record(images) {
  const { width, height } = images.at(-1);
  const times = Math.max(1, Math.round(SIDE / Math.min(width, height)));
  const canvas = make("canvas", { width: times * width, height: times * height });
  const context = canvas.getContext("2d", { alpha: false });
  context.imageSmoothingQuality = "high";
  const draw = (image) => context.drawImage(canvasOf(image), 0, 0, canvas.width, canvas.height);
  draw(images[0]);
  const recorder = new MediaRecorder(canvas.captureStream(), { mimeType: KIND, videoBitsPerSecond: BITS });
  const pieces = [];
  recorder.addEventListener("dataavailable", ({ data }) => pieces.push(data));
  const over = new Promise((resolve) => recorder.addEventListener("stop", resolve, { once: true }));
  recorder.start();
  const began = performance.now();
  for (let time = 0; time < PLAYED + REST; time = performance.now() - began) {
    const place = Math.min(1, time / PLAYED) * (images.length - 1);
    const [from, to] = [images[Math.floor(place)], images[Math.ceil(place)]];
    draw(from.width === to.width ? blend(from, to, place % 1) : to);
    await new Promise(requestAnimationFrame);
  }
  recorder.stop();
  await over;
  return new Blob(pieces, { type: KIND });
}
