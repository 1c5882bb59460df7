/** What the classifier sees in the picture on the canvas, while no run tells of it. */

import { post } from "./api.js";
import { percent } from "./bars.js";
import { encodePng } from "./codec.js";
import { debounce } from "./dom.js";

/** Milliseconds of quiet after which the picture is looked at. */
const QUIET = 250;
/** Below this the likeliest class is no more than a guess. */
const UNSURE = 0.3;

/** @param {Object} studio see main.js */
export function seen({ state, picture, run, film, bars, photo, hint }) {
  const look = debounce(async () => {
    const { version } = picture;
    const { classifier, chosen } = state;
    const idle = () => classifier === state.classifier && version === picture.version && !run.live && !film.seen;
    if (!classifier || !idle()) return;
    if (chosen?.needs.style) return bars.clear("A style has no class.");
    const body = { model: classifier.name, picture: encodePng(picture.image) };
    const { top } = await post("api/see", body).catch(() => ({}));
    if (!top || !idle()) return;
    bars.show(top, state.wanted, Object.fromEntries(top)[state.wanted] ?? null);
    const [name, share] = top[0];
    if (photo.untouched && share < UNSURE) {
      hint(`${classifier.name} finds none of its classes in this photo; the nearest is ${name}, ${percent(share)}.`);
    }
  }, QUIET);
  picture.addEventListener("change", look);
  state.on("classifier action", look);
  for (const name of ["turn", "ended"]) run.addEventListener(name, look);
}
