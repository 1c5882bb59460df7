/** Frames as a video, which the browser records from a canvas while they are drawn on it. */

import { blend, canvasOf } from "./codec.js";
import { make } from "./dom.js";

/** Milliseconds that all frames take, and for which the last one rests. */
const PLAYED = 3000;
const REST = 1000;
/** Pixels of the shorter side, at least: players blur what is smaller. */
const SIDE = 512;
const BITS = 6e6;

/** The kind of video that this browser records; undefined if it records none. */
export const KIND = ["video/webm", "video/mp4"].find((kind) => window.MediaRecorder?.isTypeSupported(kind));

/**
 * Record images, each becoming the next.
 * @param {ImageData[]} images shown at the last one's size
 * @returns {Promise<Blob>}
 */
export async function record(images) {
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
