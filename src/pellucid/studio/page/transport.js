/** The buttons below the picture that start, stop and continue a run. */

import { $, enable, onPress } from "./dom.js";

/** @param {Object} studio see main.js */
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
    enable($("stop"), live || compare.live);
    enable($("before"), !live && seen);
    $("run").textContent = repeats ? "Run again" : "Run";
    $("run").title = repeats ? "Once more from where the last run began (Ctrl+Enter)" : "Run (Ctrl+Enter)";
  }
}
