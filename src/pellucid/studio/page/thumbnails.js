/** What units look like, fetched when somebody wants to see it. */

import { query, request } from "./api.js";
import { sleep } from "./dom.js";

/** Milliseconds between two questions for a thumbnail that is not made yet. */
const RETRY = 1200;

export class Thumbnails {
  /** Object URLs by unit. @type {Map<number, string>} */
  #urls = new Map();

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
   * @returns {Promise<string|null>} its URL
   */
  async fetch(unit, wanted) {
    const path = query(`units/${unit}/thumbnail.png`, { model: this.model });
    while (wanted() && !this.#urls.has(unit)) {
      const response = await request("GET", path).catch(() => null);
      if (!response) return null;
      if (response.status === 200) this.#urls.set(unit, URL.createObjectURL(await response.blob()));
      else await sleep(RETRY);
    }
    return this.known(unit) ?? null;
  }

  /** Let go of the pictures. */
  close() {
    for (const url of this.#urls.values()) URL.revokeObjectURL(url);
    this.#urls.clear();
  }
}
