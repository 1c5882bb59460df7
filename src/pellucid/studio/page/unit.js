/** One unit: what it is called and found by, and its picture. */

import { query, request } from "./api.js";
import { sleep } from "./dom.js";

/** @typedef {import("./units.js").Unit} Unit */

/**
 * First the units of this number or name, then those that speak most for such a class, then the others.
 * @param {Unit[]} units @param {string} words in small letters
 */
export function matching(units, words) {
  if (!words) return units;
  // Units without a name are called "Unit 31".
  const number = words.replace(/^unit\s+/, "");
  const place = (one) => {
    const called = String(one.unit) === number || (one.name && title(one).toLowerCase().startsWith(words));
    return called ? 0 : [one.name, ...one.classes].findIndex((text) => contains(text, words));
  };
  return units
    .map((unit) => ({ unit, at: place(unit) }))
    .filter(({ at }) => at >= 0)
    .sort((one, other) => one.at - other.at)
    .map(({ unit }) => unit);
}

/** A unit for people. @param {{unit: number, name?: string}} unit */
export const title = ({ unit, name }) => (name ? `${name} (unit ${unit})` : `Unit ${unit}`);

/** A unit in few words: its name, or the class that is searched for. @param {Unit} unit @param {string} words */
export function short({ unit, name, classes }, words) {
  const found = classes.find((text) => contains(text, words)) ?? classes[0];
  return name || [unit, found].filter((part) => part !== undefined).join(": ");
}

const contains = (text, words) => text.toLowerCase().includes(words);

/** Milliseconds between two questions for a thumbnail that is not made yet. */
const RETRY = 1200;

export class Thumbnails {
  /** Object URLs by unit. @type {Map<number, string>} */
  #urls = new Map();
  /** The same, drawn in full. @type {Map<number, string>} */
  #large = new Map();

  /** @param {string} model name of the classifier */
  constructor(model) {
    this.model = model;
  }

  /** The URL of a thumbnail that was fetched before. @param {number} unit @returns {string|undefined} */
  known(unit) {
    return this.#urls.get(unit);
  }

  /**
   * A unit's thumbnail. While it is not made yet it is asked for again, as long as somebody still waits for it.
   * @param {number} unit
   * @param {() => any} wanted
   * @param {boolean} [small] the picture that comes with the page will do
   * @returns {Promise<string|null>} its URL
   */
  async fetch(unit, wanted, small = true) {
    const path = query(`units/${unit}/thumbnail.png`, { model: this.model, small });
    const urls = small ? this.#urls : this.#large;
    while (wanted() && !urls.has(unit)) {
      const response = await request("GET", path).catch(() => null);
      if (!response) return null;
      if (response.status === 200) urls.set(unit, URL.createObjectURL(await response.blob()));
      else await sleep(RETRY);
    }
    return urls.get(unit) ?? null;
  }

  /** Let go of the pictures. */
  close() {
    for (const urls of [this.#urls, this.#large]) {
      for (const url of urls.values()) URL.revokeObjectURL(url);
      urls.clear();
    }
  }
}
