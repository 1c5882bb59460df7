/** The page: its parts, and what happens when it is opened. */

import { actions } from "./actions.js";
import { Bars, seen, together } from "./bars.js";
import { Brush } from "./brush.js";
import { Compare } from "./compare.js";
import { $, say } from "./dom.js";
import { Downloads } from "./downloads.js";
import { Examples } from "./examples.js";
import { Film } from "./film.js";
import { History } from "./history.js";
import { rejoin } from "./job.js";
import { keys } from "./keys.js";
import { Models } from "./models.js";
import { Photo } from "./photo.js";
import { Picture } from "./picture.js";
import { actionTitle } from "./report.js";
import { Run } from "./run.js";
import { Session } from "./session.js";
import { Start } from "./start.js";
import { State } from "./state.js";
import { strokes } from "./strokes.js";
import { tools } from "./tools.js";
import { before, timeline, transport } from "./transport.js";
import { Units } from "./units.js";
import { Variants } from "./variants.js";
import { View } from "./view.js";

/** What the parts know of each other. */
const studio = { state: new State(), picture: new Picture() };
studio.view = new View(studio.picture);
studio.brush = new Brush(studio);
// In the panel, and below the picture where another stands beside it.
studio.bars = together(new Bars($("bars"), 8), new Bars($("first-bars"), 3));
studio.models = new Models(studio);
studio.units = new Units(studio);
studio.history = new History(studio);
studio.compare = new Compare(studio);
studio.photo = new Photo(studio);
studio.start = new Start(studio);
studio.session = new Session(studio);
studio.film = new Film(studio);
studio.run = new Run(studio);
studio.examples = new Examples(studio);
studio.variants = new Variants(studio);
studio.before = before(studio);
studio.step = timeline(studio);
tools(studio);
strokes(studio);
actions(studio);
transport(studio);
keys(studio);
seen(studio);

const { state, picture, run, history, view, film } = studio;

// What is said beside the picture.
state.on("hint", () => ($("hint").textContent = state.hint));
state.on("runError", () => say($("run-error"), state.runError));
state.on("pictureError", () => say($("picture-error"), state.pictureError));
state.on("classifier", () => ($("seen-by").textContent = state.classifier.name));

const downloads = new Downloads($("downloads"), view.canvas, "result");
const offer = () => {
  if (run.live) downloads.hide();
  else if (film.seen) downloads.of(run.job, film.seen, run.title);
  else downloads.own();
};
picture.addEventListener("change", offer);
for (const name of ["frames", "ended"]) run.addEventListener(name, offer);
state.on("classifier", offer);

// The mask tints the picture only where it matters: not over a result, and not for an action that has none.
const tint = () => {
  const used = state.chosen?.needs.mask === "yes" || state.chosen?.needs.strokes || state.tool.endsWith("mask");
  view.sheet.classList.toggle("idle", !used);
  view.sheet.classList.toggle("result", run.live || run.repeats);
};
state.on("action classifier tool", tint);
for (const name of ["frames", "ended"]) run.addEventListener(name, tint);
picture.addEventListener("mask", () => view.sheet.classList.remove("result"));
picture.addEventListener("change", tint);
film.addEventListener("taken", tint);
run.addEventListener("frames", () => state.set({ hint: "" }));
run.addEventListener("ended", ({ detail: frame }) => {
  const { id, order } = run.job;
  const result = { action: actionTitle(state.actions, order.action), note: order.label ?? "" };
  if (frame) history.add({ ...result, picture: frame.picture, run: { job: id, ...order } }, run.job);
});
view.sheet.addEventListener("place", () => {
  const size = `${view.canvas.width} × ${view.canvas.height} pixels`;
  $("caption").textContent = state.compare ? `${state.classifier?.name}, ${size}` : size;
});

/** What works only once there is a classifier and a picture. */
const menus = ["model", "start", "compare", "session"].map((name) => $(`${name}-button`)).concat(
  ...document.querySelectorAll(".begin button, .variety button"),
);

async function open() {
  for (const menu of menus) menu.disabled = true;
  state.set({ hint: "One moment: the classifier is being loaded." });
  const loaded = studio.models.ready();
  const playing = studio.examples.play(loaded).catch(() => {});
  await loaded;
  await playing;
  picture.show(null);
  const restored = await studio.session.restore();
  state.set({ hint: restored ? "" : await beginAnew().catch(told) });
  studio.session.autosave.begin();
  await rejoin(studio).catch(told);
  for (const menu of menus) menu.disabled = false;
  document.body.dataset.ready = "yes";
  // Where these buttons lie on the picture they go once there is one of one's own; New offers the same.
  const begun = () => view.sheet.parentElement.classList.add("begun");
  if (restored) begun();
  picture.addEventListener("edit", begun);
  run.addEventListener("frames", begun);
}

async function beginAnew() {
  if (await studio.examples.first().catch(() => false)) {
    return "This drawing became a dog, step by step: press Play to watch it, or Run again. Or draw on it.";
  }
  const { image, hint } = await studio.start.first();
  picture.reset(image);
  return hint;
}

/** Show what went wrong, and leave no hint that something is still to come. */
function told(error) {
  state.set({ pictureError: error.message });
  return "";
}

open().catch((error) => {
  const hint = told(error);
  if (!document.body.dataset.ready) state.set({ hint });
});
