/** Downloads of what the picture shows: a run's result, one of its frames, or a picture of the person's own. */

import { canvasOf } from "./codec.js";
import { $ } from "./dom.js";
import { offer } from "./report.js";

/** @param {Object} studio see main.js */
export function downloads({ picture, run, film, state }) {
  const element = $("downloads");
  const [png, json] = [$("result-png"), $("result-json")];
  // The person's own picture becomes a file only when it is asked for.
  png.addEventListener("click", () => {
    if (!film.seen) png.href = canvasOf(picture.image).toDataURL("image/png");
  });
  picture.addEventListener("change", show);
  for (const name of ["frames", "ended"]) run.addEventListener(name, show);
  state.on("classifier", show);

  function show() {
    if (run.live) element.hidden = true;
    else if (film.seen) offer(element, run.job, film.seen, run.title);
    else own();
  }

  function own() {
    png.href = "#";
    png.download = "picture.png";
    json.hidden = true;
    element.firstChild.data = "Download this picture ";
    element.hidden = false;
  }
}
