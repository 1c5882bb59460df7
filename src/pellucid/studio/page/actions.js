/** The ten actions, and the inputs of the chosen one. */

import { Chooser } from "./chooser.js";
import { $, icon, make } from "./dom.js";
import { showForm } from "./form.js";
import { whole } from "./state.js";

/** Of icons.svg; some are the tools'. */
const ICONS = {
  generate: "spark", sketch: "brush", brush: "mask", paint: "paint", translate: "turn", inpaint: "patch",
  superres: "zoom-in", manipulate: "raise", interpolate: "walk", stylize: "fill",
};

/** @param {Object} studio see main.js */
export function actions(studio) {
  const { state, picture } = studio;
  const optional = () => state.chosen?.needs.label === "optional";
  const chooser = new Chooser(
    $("label-chooser"),
    "label",
    (name) => state.set(optional() ? { optional: name } : { label: name }),
  );
  state.on("classifier", list);
  state.on("action classifier", show);
  state.on("label optional", showLabel);
  state.on("label", () => state.set({ hint: "" }));
  state.on("seed", () => ($("seed").value = String(state.seed)));
  state.on("factor", () => ($("factor").value = String(state.factor)));
  picture.addEventListener("mask", showMask);
  // What was missing may be there now.
  const clear = () => state.set({ runError: "" });
  picture.addEventListener("mask", clear);
  state.on("strokes second label optional unit settings", clear);
  picture.addEventListener("edit", () => state.set({ hint: "" }));
  // Who draws wants an action that begins with the drawing.
  picture.addEventListener("draw", () => state.chosen?.needs.picture === false && choose("sketch"));
  studio.choose = choose;
  $("mask-paint").addEventListener("click", () => state.set({ tool: "mask" }));
  $("mask-clear").addEventListener("click", () => picture.clearMask());
  $("factor").addEventListener("change", () => state.set({ factor: Number($("factor").value) }));
  $("seed").addEventListener("change", () => state.set({ seed: whole($("seed").value) }));
  $("seed-next").addEventListener("click", () => state.set({ seed: state.nextSeed }));

  function list() {
    if (!state.classifier.classes.includes(state.optional)) state.set({ optional: null });
    const legend = $("actions").querySelector("legend");
    const groups = Object.groupBy(state.actions, ({ group }) => group);
    const lists = Object.entries(groups).map(([group, members]) =>
      make("div", { role: "group", "aria-label": group }, make("h3", {}, group), ...members.map(radio)),
    );
    $("actions").replaceChildren(legend, ...lists);
  }

  function radio({ name, title, help }) {
    const input = make("input", { type: "radio", name: "action", value: name, checked: name === state.action });
    input.addEventListener("change", () => choose(name));
    return make("label", { title: help }, input, icon(ICONS[name]), make("span", {}, title));
  }

  /** @param {string} action */
  function choose(action) {
    state.set({ action });
    const { needs } = state.chosen;
    if (needs.mask === "yes" || needs.strokes) state.set({ tool: "mask" });
    else if (state.tool === "mask" || state.tool === "unmask") state.set({ tool: "brush" });
    const whole = needs.style && studio.photo.untouched;
    // What was said of the action before does not hold for this one.
    state.set({ runError: "", hint: whole ? `${state.chosen.title} begins with the whole photo.` : "" });
  }

  function show() {
    const { chosen } = state;
    if (!chosen) return;
    const { needs } = chosen;
    for (const input of $("actions").querySelectorAll("input")) input.checked = input.value === state.action;
    $("about").textContent = chosen.help;
    $("input-label").hidden = needs.label === "no";
    $("input-mask").hidden = needs.mask === "no" && !needs.strokes;
    $("input-unit").hidden = !state.takesUnit;
    $("input-strokes").hidden = !needs.strokes;
    $("input-second").hidden = !needs.second && !needs.style;
    $("input-factor").hidden = !needs.factor;
    $("input-seed").hidden = !state.draws;
    $("input-seed").classList.toggle("last", needs.picture);
    $("input-seed").classList.toggle("fixed", !state.varies);
    $("factor").value = String(state.factor);
    const keep = (values) => state.set({ settings: { ...state.settings, [chosen.name]: values } });
    const check = (wrongSetting) => state.set({ wrongSetting });
    showForm($("form"), chosen, state.settings[chosen.name] ?? {}, state.classifier.size, keep, check);
    showLabel();
    showMask();
  }

  function showLabel() {
    chooser.show(
      state.classifier,
      state.wanted,
      optional() ? "what the classifier sees" : "Which class?",
      optional(),
    );
  }

  function showMask() {
    const { masked } = picture;
    const painted = `${masked} ${masked === 1 ? "pixel" : "pixels"} painted`;
    $("mask-about").textContent = masked ? painted : "Nothing painted yet";
    const [shown, gone] = masked ? [$("mask-clear"), $("mask-paint")] : [$("mask-paint"), $("mask-clear")];
    const focused = document.activeElement === gone;
    shown.hidden = false;
    gone.hidden = true;
    if (focused) shown.focus();
  }
}
