/** The frames of a run under a slider: looking while it moves, and going back to a frame when it is let go. */

import { $ } from "./dom.js";

/** @param {Object} studio see main.js @returns {(by: number) => void} steps through the frames */
export function timeline({ run, film }) {
  const slider = $("timeline");
  const nothing = $("timeline-out").textContent;
  for (const name of ["frames", "ended"]) run.addEventListener(name, show);
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
