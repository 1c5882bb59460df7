/** Which classifier: the one at the start, another one, and how far loading is. */

import { get, messages, query } from "./api.js";
import { $, make, say, sleep, telling } from "./dom.js";

/** Milliseconds between two looks at how far the start is. */
const POLL = 200;

export class Models {
  /** Names of those that can be chosen. @type {string[]} */
  names = [];
  /** What the person was asked about: it would be fetched over the network. @type {string|null} */
  #asked = null;

  /** @param {Object} studio see main.js */
  constructor(studio) {
    this.studio = studio;
    this.state = studio.state;
    $("model-menu").addEventListener("toggle", (event) => event.newState === "open" && this.#list());
    $("model-other").addEventListener("submit", (event) => {
      event.preventDefault();
      const name = $("model-typed").value.trim();
      if (name === this.#asked || this.names.includes(name)) this.#choose(name);
      else if (name) this.#ask(name);
    });
    $("model-typed").addEventListener("input", () => this.#ask(null));
  }

  /** Wait for the classifier that the studio was started with. */
  async ready() {
    for (;;) {
      const { ready, loading, error, model } = await get("api/state");
      if (error) throw new Error(error);
      if (ready) return this.#adopt(await get(query("classifier", { model })));
      this.#progress(loading);
      await sleep(POLL);
    }
  }

  /** Load a classifier and make it the chosen one. @param {string} name */
  async load(name) {
    try {
      await this.#adopt(await this.fetch(name, (share, what) => this.#progress({ what, share })));
    } finally {
      this.#progress(null);
    }
  }

  /**
   * Load a classifier beside the chosen one.
   * @param {string} name
   * @param {(share: number, what: string) => void} progress
   */
  async fetch(name, progress) {
    for await (const message of messages("POST", "api/models", { name })) {
      if (message.type === "progress") progress(message.share, message.what);
      if (message.type === "failed") throw new Error(message.error);
      if (message.type === "loaded") return message.classifier;
    }
    throw new Error(`Loading ${name} broke off.`);
  }

  async #adopt(classifier) {
    const { state } = this;
    const { actions } = await get(query("actions", { model: classifier.name }));
    const { models } = await get("api/models");
    this.names = models.map(({ name }) => name);
    if (!this.names.includes(classifier.name)) this.names.push(classifier.name);
    const label = classifier.classes.includes(state.label) ? state.label : (classifier.classes[0] ?? null);
    // Another classifier's units look for other things.
    const same = state.classifier?.name === classifier.name;
    const unit = same ? state.unit : null;
    const strokes = same ? state.strokes : [];
    // Settings are in proportion to the size of the classifier they were made for.
    const settings = state.classifier?.size === classifier.size ? state.settings : {};
    $("model-name").textContent = classifier.name;
    this.#progress(null);
    state.set({ classifier, actions, label, unit, settings, strokes });
  }

  /** @param {{what: string, share: number}|null} loading */
  #progress(loading) {
    $("model-progress").hidden = !loading;
    $("model-progress").value = loading?.share ?? 0;
    $("model-status").textContent = loading ? loadingText(loading.what) : "";
  }

  /** Nothing is fetched before the person has read from where. @param {string|null} name */
  #ask(name) {
    this.#asked = name;
    const host = name?.startsWith("torchvision:") ? "download.pytorch.org" : "huggingface.co or where its card says";
    const about = `If ${name} is not here yet, its weights are fetched from ${host}. Nothing of yours is sent.`;
    say($("model-ask"), name ? about : "");
    $("model-load").textContent = name ? "Fetch it" : "Load";
  }

  async #choose(name) {
    await telling($("model-error"), async () => {
      const before = this.state.copy();
      await this.load(name);
      await this.studio.photo.fit();
      this.state.set({ hint: lost(before, this.state) });
      this.#ask(null);
      $("model-menu").hidePopover();
    });
  }

  async #list() {
    const { models } = await telling($("model-error"), () => get("api/models")) ?? { models: [] };
    $("models").replaceChildren(
      ...models.map(({ name, about, size, loaded }) => {
        const facts = [size && `${size} × ${size} pixels`, loaded && "loaded"].filter(Boolean).join(", ");
        const current = String(name === this.state.classifier?.name);
        return make(
          "li",
          {},
          make(
            "button",
            { type: "button", "aria-current": current, onclick: () => this.#choose(name) },
            make("b", {}, name),
            make("span", {}, about),
            make("small", {}, facts),
          ),
        );
      }),
    );
  }
}

/** What another classifier could not take over. @param {State} before @param {State} now */
function lost(before, now) {
  const any = (settings) => Object.values(settings).some((values) => Object.keys(values).length);
  const gone = [];
  if (before.strokes.length && !now.strokes.length) {
    gone.push("The feature strokes are gone, as this classifier has other units.");
  }
  if (any(before.settings) && !any(now.settings)) {
    gone.push("The settings are the defaults again, as those were for pictures of another size.");
  }
  return gone.join(" ");
}

const loadingText = (what) => (what === "importing" ? "Starting up …" : `Loading ${what} …`);
