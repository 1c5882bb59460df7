/** The frames of a run under a slider: looking while it moves, and going back to a frame when it is let go. */

import { $ } from "./dom.js";

/** @param {{run: import("./run.js").Run}} studio */
export function timeline({ run }) {
  const slider = $("timeline");
  run.addEventListener("frames", show);
  run.addEventListener("ended", () => {
    if (run.at === null) return;
    slider.value = String(run.at);
    tell();
  });
  slider.addEventListener("input", () => {
    run.look(Number(slider.value));
    tell();
  });
  slider.addEventListener("change", () => {
    const newest = Number(slider.value) === run.job.frames.length - 1;
    if (!(newest && run.job.live)) run.take(Number(slider.value));
  });

  /** Step through the frames. @param {number} by how many */
  return function step(by) {
    if (slider.disabled) return;
    slider.value = String(Number(slider.value) + by);
    slider.dispatchEvent(new Event("input"));
    slider.dispatchEvent(new Event("change"));
  };

  function show() {
    const { frames } = run.job;
    slider.disabled = frames.length < 2;
    slider.max = String(Math.max(0, frames.length - 1));
    if (run.following) slider.value = slider.max;
    tell();
  }

  function tell() {
    const { frames } = run.job;
    const frame = frames[Number(slider.value)];
    if (!frame) return;
    const where = frame.share === undefined ? `step ${frame.step}` : `${Math.round(100 * frame.share)}% of the way`;
    $("timeline-out").textContent = `frame ${Number(slider.value) + 1} of ${frames.length}, ${where}`;
    slider.setAttribute("aria-valuetext", $("timeline-out").textContent);
  }
}
