/** Below the picture: what starts and stops a run, its frames under a slider, and the pictures before it. */

import { decodeImage } from "./codec.js";
import { $, enable, onPress } from "./dom.js";

/** The buttons that start, stop and continue a run. @param {Object} studio see main.js */
export function transport({ run, film, compare, picture, state }) {
  onPress($("run"), () => run.start(false));
  onPress($("continue"), () => run.start(true));
  onPress($("stop"), () => run.stop());
  // In a small window the controls are a sheet, which makes way for the picture of a run.
  const sheet = (open) => {
    $("panel").parentElement.classList.toggle("controls", open);
    $("panel-button").setAttribute("aria-expanded", String(open));
  };
  $("panel-button").addEventListener("click", () => sheet($("panel-button").getAttribute("aria-expanded") !== "true"));
  run.addEventListener("turn", () => run.live && sheet(false));
  $("panel").addEventListener("click", ({ target }) => target.closest("[data-variants], #mask-paint") && sheet(false));
  for (const one of [run, compare]) one.addEventListener("turn", show);
  film.addEventListener("taken", show);
  picture.addEventListener("change", show);
  state.on("action classifier factor", show);
  show();

  function show() {
    const { live, repeats, job } = run;
    const ready = Boolean(state.classifier);
    const seen = Boolean(job?.frames.length);
    enable($("run"), ready && !live);
    enable($("continue"), ready && !live && seen && state.continues);
    enable($("stop"), (live || compare.live) && !run.stopping);
    enable($("before"), !live && seen);
    $("run").textContent = repeats ? "Run again" : "Run";
    $("run").title = repeats ? "Once more from where the last run began (Ctrl+Enter)" : "Run (Ctrl+Enter)";
  }
}

/**
 * Looking at frames while the slider moves, going back to one when it is let go, and playing all of them.
 * @param {Object} studio see main.js @returns {(by: number) => void} steps through the frames
 */
export function timeline({ run, film }) {
  const slider = $("timeline");
  const nothing = $("timeline-out").textContent;
  for (const name of ["frames", "ended"]) run.addEventListener(name, show);
  film.addEventListener("playing", () => {
    const { playing } = film;
    $("play").textContent = playing === null ? "▶" : "❚❚";
    $("play").setAttribute("aria-label", playing === null ? "Play" : "Pause");
    if (playing !== null) slider.value = String(playing);
    tell();
  });
  onPress($("play"), () => (film.playing === null ? film.play() : film.pause()));
  slider.addEventListener("input", () => {
    film.look(Number(slider.value));
    tell();
  });
  slider.addEventListener("change", () => {
    const newest = Number(slider.value) === run.job.frames.length - 1;
    if (!(newest && run.job.live)) film.take(Number(slider.value));
  });

  return function step(by) {
    if (slider.disabled) return;
    slider.value = String(Number(slider.value) + by);
    slider.dispatchEvent(new Event("input"));
    slider.dispatchEvent(new Event("change"));
  };

  function show() {
    const count = run.job?.frames.length ?? 0;
    slider.disabled = count < 2;
    enable($("play"), count > 1 && !run.live);
    slider.max = String(Math.max(0, count - 1));
    slider.value = film.following ? slider.max : String(film.at);
    tell();
  }

  function tell() {
    const frames = run.job?.frames ?? [];
    const at = Number(slider.value);
    $("timeline-out").textContent = frames[at] ? `frame ${at + 1} of ${frames.length}, ${where(frames[at])}` : nothing;
    slider.setAttribute("aria-valuetext", $("timeline-out").textContent);
  }
}

const where = ({ share, step }) => (share === undefined ? `step ${step}` : `${Math.round(100 * share)}% of the way`);

/**
 * The pictures as they were before the run, while a button or a key is held.
 * @param {Object} studio see main.js @returns {(on: boolean) => Promise<void>} shows them, or what is there now
 */
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
    const image = on ? await decodeImage(first.picture) : null;
    if (on !== held) return;
    picture.glimpse(image);
    film.showBars(on ? first : film.seen);
  }
}
