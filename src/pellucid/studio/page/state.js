/** What the person has chosen. Parts of the page read it and are told when something they show has changed. */

/** The seeds that the server takes are below this. */
export const SEEDS = 2 ** 31;

/**
 * @typedef {Object} Needs which inputs an action takes
 * @property {boolean} picture
 * @property {"no"|"yes"} mask
 * @property {"no"|"optional"|"yes"} label
 * @property {boolean} unit
 * @property {boolean} strokes
 * @property {boolean} second
 * @property {boolean} style
 * @property {boolean} factor
 *
 * @typedef {Object} Action
 * @property {string} name
 * @property {string} title
 * @property {string} help
 * @property {Needs} needs
 * @property {import("./form.js").Field[]} form
 * @property {Object<string, Object<string, any>>} presets
 *
 * @typedef {Object} Stroke
 * @property {Uint8Array} mask
 * @property {number} width
 * @property {number} height
 * @property {number} unit
 * @property {number} strength
 * @property {boolean} on
 */

export class State {
  /**
   * @type {{name: string, size: number, data: string|null, classes: string[], units: number, gaussians: boolean,
   *   beside: string|null}|null}
   */
  classifier = null;
  /** @type {Action[]} */
  actions = [];
  /** Name of the chosen action. */
  action = "generate";
  /** @type {string|null} */
  label = null;
  /** Of the actions that can do without a class; null for what the classifier sees. @type {string|null} */
  optional = null;
  /** @type {number|null} */
  unit = null;
  seed = 0;
  strength = 1;
  factor = 4;
  /** What differs from the defaults: action -> field -> value. @type {Object<string, Object<string, any>>} */
  settings = {};
  /** What is typed into one of the chosen action's settings is wrong. */
  wrongSetting = false;
  /** Base64 PNG of the second picture. @type {string|null} */
  second = null;
  /** @type {Stroke[]} */
  strokes = [];
  tool = "brush";
  color = "#3a6ea5";
  size = 3;
  compare = false;
  title = "";
  /** What is said below the picture: what happened, or what to do next. */
  hint = "";
  /** What is wrong with the run that was asked for, and with the picture. */
  runError = "";
  pictureError = "";

  #listeners = [];

  /** The chosen action's description. @returns {Action|undefined} */
  get chosen() {
    return this.actions.find((action) => action.name === this.action);
  }

  /** The class that the chosen action is given, if any. @returns {string|null} */
  get wanted() {
    return { yes: this.label, optional: this.optional }[this.chosen?.needs.label] ?? null;
  }

  /** Whether the chosen action works with units. */
  get takesUnit() {
    const needs = this.chosen?.needs;
    return Boolean(needs?.unit || needs?.strokes);
  }

  /** Whether the chosen action takes a photo of any size as it is, and not cut to the classifier's. */
  get takesWhole() {
    const needs = this.chosen?.needs;
    return Boolean(needs?.style || (needs?.factor && this.factor === 1));
  }

  /** Whether the chosen action can go on from its own result, which may be larger than what it takes. */
  get continues() {
    const larger = this.chosen?.needs.picture === false && this.settings[this.action]?.size;
    return !larger && !(this.chosen?.needs.factor && this.factor === 1);
  }

  /** Whether another seed leads elsewhere, and not only to a start that is drawn in Advanced. */
  get varies() {
    const { needs, form } = this.chosen;
    return !needs.picture || form.some(({ name }) => name === "variety" || name === "paper");
  }

  /** Whether a seed can change anything: a style's jitter is drawn, too. */
  get draws() {
    return this.varies || this.chosen.needs.style;
  }

  /** The seed after this one; after the last one the first. */
  get nextSeed() {
    return (this.seed + 1) % SEEDS;
  }

  /** What is chosen at this moment, for a run that is asked for while the person goes on choosing. */
  copy() {
    return Object.assign(new State(), this);
  }

  /** Change some values and tell those who listen. @param {Partial<State>} changes */
  set(changes) {
    Object.assign(this, changes);
    const changed = Object.keys(changes);
    for (const [names, listener] of this.#listeners) if (changed.some((name) => names.includes(name))) listener();
  }

  /**
   * Run `work`, and say in one line what goes wrong.
   * @param {"runError"|"pictureError"} where @param {() => any} work
   */
  async telling(where, work) {
    this.set({ [where]: "" });
    try {
      return await work();
    } catch (error) {
      this.set({ [where]: error.message });
      return undefined;
    }
  }

  /** Call `listener` whenever one of these values is set. @param {string} names separated by spaces */
  on(names, listener) {
    this.#listeners.push([names.split(" "), listener]);
  }
}

/** A seed from what was typed. @param {string} text */
export const whole = (text) => Math.min(SEEDS - 1, Math.max(0, Math.trunc(Number(text) || 0)));
