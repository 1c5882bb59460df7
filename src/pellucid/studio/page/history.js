/** Earlier results as a row of small pictures; each can be made the picture again. */

import { decodePng, pngUrl } from "./codec.js";
import { $, make } from "./dom.js";

/** How many results are kept, and how many characters of their PNGs. */
const KEPT = 50;
const CHARACTERS = 10e6;

/** @typedef {{picture: string, action: string, note: string}} Result */

/** Events: "change". */
export class History extends EventTarget {
  /** Oldest first. @type {Result[]} */
  #results = [];

  /** @param {{picture: import("./picture.js").Picture}} studio */
  constructor({ picture }) {
    super();
    this.picture = picture;
  }

  get results() {
    return this.#results;
  }

  set results(results) {
    this.#results = results;
    $("history").replaceChildren(...results.toReversed().map((result) => this.#item(result)));
  }

  /** @param {Result} result */
  add(result) {
    const results = [...this.#results, result].slice(-KEPT);
    while (results.reduce((sum, { picture }) => sum + picture.length, 0) > CHARACTERS) results.shift();
    this.#results = results;
    // The other items stay the elements that they are, as one of them may have the keyboard's focus.
    $("history").prepend(this.#item(result));
    while ($("history").children.length > results.length) $("history").lastElementChild.remove();
    this.dispatchEvent(new Event("change"));
  }

  #item({ picture, action, note }) {
    const title = note ? `${action}: ${note}` : action;
    const bring = async () => this.picture.replace(await decodePng(picture));
    return make(
      "li",
      {},
      make(
        "button",
        { type: "button", title: `Bring back: ${title}`, "aria-label": `Bring back: ${title}`, onclick: bring },
        make("img", { src: pngUrl(picture), alt: "", height: 44 }),
      ),
    );
  }
}
