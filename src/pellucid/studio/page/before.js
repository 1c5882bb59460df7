/** The pictures as they were before the run, while a button or a key is held. */

import { decodePng } from "./codec.js";
import { $ } from "./dom.js";

/** @param {Object} studio see main.js @returns {(on: boolean) => Promise<void>} shows them, or what is there now */
export function before({ picture, run, film, compare }) {
  let held = false;
  const button = $("before");
  button.addEventListener("pointerdown", () => show(true));
  for (const name of ["pointerup", "pointerleave", "blur"]) button.addEventListener(name, () => show(false));
  button.addEventListener("keydown", (event) => event.key === " " && show(true));
  button.addEventListener("keyup", () => show(false));
  // A key or button that is let go outside of the window is never heard of.
  addEventListener("blur", () => show(false));
  return show;

  async function show(on) {
    const first = run.job?.frames[0];
    if (on === held || (on && (!first || run.live))) return;
    held = on;
    compare.look(on ? 0 : 1);
    const image = on ? await decodePng(first.picture) : null;
    if (on !== held) return;
    picture.glimpse(image);
    film.showBars(on ? first : film.seen);
  }
}
