/** Probabilities as bars that move and change places, and those of the picture on the canvas. */

import { post } from "./api.js";
import { encodePng } from "./codec.js";
import { debounce, make } from "./dom.js";

/** Bars in several places that tell the same. @param {...Bars} all */
export const together = (...all) => ({
  show: (...seen) => all.forEach((bars) => bars.show(...seen)),
  clear: (why) => all.forEach((bars) => bars.clear(why)),
});

export class Bars {
  /** Rows by class. @type {Map<string, HTMLElement>} */
  #rows = new Map();

  /** @param {HTMLElement} element @param {number} count how many classes are shown */
  constructor(element, count) {
    this.element = element;
    this.count = count;
    this.clear();
  }

  /** Nothing seen yet. @param {string} why */
  clear(why = "Nothing yet.") {
    this.#rows.clear();
    this.element.replaceChildren(make("p", { class: "soft" }, why));
    this.element.style.setProperty("--rows", "2");
  }

  /**
   * @param {[string, number][]} top class and probability, best first
   * @param {string|null} label the class that is wanted, which is always shown
   * @param {number|null} wanted its probability
   */
  show(top, label, wanted) {
    if (!this.#rows.size) this.element.replaceChildren();
    const shown = top.slice(0, this.count);
    if (label !== null && wanted !== null && !shown.some(([name]) => name === label)) {
      shown.splice(this.count - 1, 1, [label, wanted]);
    }
    const names = new Set(shown.map(([name]) => name));
    for (const [name, row] of this.#rows) {
      if (names.has(name)) continue;
      row.remove();
      this.#rows.delete(name);
    }
    shown.forEach(([name, probability], rank) => this.#place(name, probability, rank, name === label));
    this.element.style.setProperty("--rows", String(shown.length));
  }

  #place(name, probability, rank, wanted) {
    let row = this.#rows.get(name);
    if (!row) {
      row = make(
        "div",
        { class: "bar" },
        make("span", { class: "fill" }),
        make("span", { class: "class", title: name }, name),
        make("span", { class: "share" }),
      );
      this.#rows.set(name, row);
      this.element.append(row);
    }
    row.classList.toggle("wanted", wanted);
    row.style.setProperty("--rank", String(rank));
    row.style.setProperty("--share", String(probability));
    row.querySelector(".share").textContent = percent(probability);
  }
}

/** A probability for people. @param {number} probability */
export function percent(probability) {
  if (probability < 0.001) return probability ? "<0.1%" : "0%";
  return `${(100 * probability).toFixed(probability < 0.0995 ? 1 : 0)}%`;
}

/** Milliseconds of quiet after which the picture is looked at. */
const QUIET = 250;
/** Below this the likeliest class is no more than a guess. */
const UNSURE = 0.3;

/**
 * Show what the classifier sees in the picture on the canvas, while no run tells of it.
 * @param {Object} studio see main.js
 */
export function seen({ state, picture, run, film, bars, photo }) {
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
      const nearest = `the nearest is ${name}, ${percent(share)}`;
      state.set({ hint: `${classifier.name} finds none of its classes in this photo; ${nearest}.` });
    }
  }, QUIET);
  picture.addEventListener("change", look);
  state.on("classifier action", look);
  for (const name of ["turn", "ended"]) run.addEventListener(name, look);
}
