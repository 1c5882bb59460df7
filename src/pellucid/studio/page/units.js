/** The browser of units: what each one looks like, which pictures activate it, and the names a person gives. */

import { get, put, query } from "./api.js";
import { pictureUrl } from "./codec.js";
import { $, debounce, make, sleep, telling } from "./dom.js";
import { matching, short, Thumbnails, title } from "./unit.js";

/** Milliseconds after which one looks again for pictures that are not found yet. */
const AGAIN = 3000;
/** Beside a thumbnail that is not made yet. */
const DRAWN = "This picture is being drawn, while nothing else runs.";

/** @typedef {{unit: number, name: string, classes: string[], thumbnail: boolean}} Unit */

/** Events: "named" (a unit got another name, or the units were loaded). */
export class Units extends EventTarget {
  /** @type {Unit[]} */
  #units = [];
  /** Of the classifier that the units belong to. @type {Thumbnails|null} */
  #thumbnails = null;
  /** Name of the data that activating pictures are looked for in. @type {string|null} */
  #data = null;
  /** Fetches the thumbnails of items that are scrolled into view. */
  #watcher;

  /** @param {Object} studio see main.js */
  constructor(studio) {
    super();
    const { state, models } = studio;
    Object.assign(this, { studio, state, models });
    this.#watcher = new IntersectionObserver(
      (entries) => entries.forEach((entry) => this.#seen(entry)),
      { root: $("units-list"), rootMargin: "100px" },
    );
    $("unit-choose").addEventListener("click", () => this.open());
    $("units-search").addEventListener("input", debounce(() => this.#list(), 120));
    // Enter in the search field must not close the dialog that it is in.
    $("units-search").addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
    $("units").addEventListener("close", () => this.#watcher.disconnect());
    state.on("unit classifier action", () => this.#showChosen());
    this.addEventListener("named", () => this.#showChosen());
  }

  /** A unit for people. @param {number} unit */
  title(unit) {
    return title({ unit, name: this.#units[unit]?.name });
  }

  /** Load the units of the classifier, if they are not there. */
  async load() {
    if (this.#thumbnails?.model !== this.state.classifier.name) await this.#reload();
  }

  /** Load the units, with the names that were given to them in the meantime, as in another tab. */
  async #reload() {
    const { name } = this.state.classifier;
    // With many in use, the server may have let go of it.
    await this.models.fetch(name, () => {});
    const { units, data } = await get(query("units", { model: name }));
    if (this.#thumbnails?.model !== name) {
      this.#thumbnails?.close();
      this.#thumbnails = new Thumbnails(name);
    }
    this.#units = units;
    this.#data = data;
    this.dispatchEvent(new Event("named"));
  }

  async open() {
    $("units").showModal();
    await telling($("units-error"), async () => {
      await this.#reload();
      this.#list();
      $("units-list").querySelector("[aria-pressed=true]")?.scrollIntoView({ block: "center" });
      await this.#detail(this.state.unit);
    });
  }

  /** What is searched for. */
  get #words() {
    return $("units-search").value.trim().toLowerCase();
  }

  #list() {
    this.#watcher.disconnect();
    const items = matching(this.#units, this.#words).map((unit) => this.#item(unit));
    $("units-list").replaceChildren(
      ...(items.length ? items : [make("li", { class: "soft" }, "No unit goes with a class or name like this.")]),
    );
    items.forEach((item) => this.#watcher.observe(item));
  }

  #item({ unit, name, classes }) {
    const image = make("img", { alt: "", width: 84, height: 84, class: "thumbnail" });
    const url = this.#thumbnails.known(unit);
    if (url) image.src = url;
    else image.title = DRAWN;
    const choose = () => {
      this.state.set({ unit });
      const others = $("units-list").querySelectorAll("[aria-pressed=true]");
      others.forEach((other) => other.setAttribute("aria-pressed", "false"));
      button.setAttribute("aria-pressed", "true");
      this.#detail(unit);
    };
    const button = make(
      "button",
      {
        type: "button",
        "aria-pressed": String(unit === this.state.unit),
        title: `Unit ${unit}: ${classes.join(", ")}`,
        onclick: choose,
      },
      image,
      make("span", {}, short({ unit, name, classes }, this.#words)),
    );
    return make("li", { "data-unit": unit }, button);
  }

  async #seen(entry) {
    const item = entry.target;
    item.dataset.visible = entry.isIntersecting ? "yes" : "";
    const image = item.querySelector("img");
    if (!entry.isIntersecting || image.src || item.dataset.waiting) return;
    item.dataset.waiting = "yes";
    const url = await this.#thumbnails.fetch(Number(item.dataset.unit), () => item.isConnected && item.dataset.visible);
    if (url) Object.assign(image, { src: url, title: "" });
    item.dataset.waiting = "";
  }

  /** The chosen unit at the right: name, classes, and the pictures that activate it most. */
  async #detail(unit) {
    const detail = $("unit-detail");
    if (unit === null) {
      detail.replaceChildren(
        make("p", { class: "soft" }, "Choose a unit to see which pictures activate it, and to give it a name."),
      );
      return;
    }
    const { name, classes } = this.#units[unit];
    const alt = `What unit ${unit} looks for`;
    const image = make("img", { alt: "", title: DRAWN, class: "thumbnail", width: 160, height: 160 });
    if (this.#thumbnails.known(unit)) image.src = this.#thumbnails.known(unit);
    const error = make("p", { class: "error", role: "alert", hidden: true });
    const input = make(
      "input",
      { id: "unit-name", value: name, maxlength: 60, placeholder: "stripes, fur, sky …", autocomplete: "off" },
    );
    input.addEventListener("change", () => telling(error, () => this.#rename(unit, input.value.trim())));
    input.addEventListener("keydown", (event) => event.key === "Enter" && input.blur());
    const images = make("div", { class: "images" }, make("p", { class: "soft" }, "Looking for pictures …"));
    detail.replaceChildren(
      make("h3", {}, `Unit ${unit}`),
      image,
      make("p", {}, make("span", { class: "soft" }, "contributes most to "), classes.join(", ") || "no class"),
      make("button", { type: "button", onclick: () => this.#brush() }, "Paint with it"),
      make("label", { for: "unit-name" }, "Your name for it"),
      input,
      error,
      make("h3", {}, "Pictures that activate it most"),
      images,
    );
    const here = () => image.isConnected && $("units").open;
    this.#thumbnails.fetch(unit, here, false).then((url) => url && Object.assign(image, { src: url, title: "", alt }));
    await telling(error, () => this.#activating(unit, images, here));
  }

  async #activating(unit, images, here) {
    const answer = await get(query(`units/${unit}/images`, { model: this.state.classifier.name }));
    if (!here()) return;
    // While the data is still being searched.
    if (answer.missing && this.#data) sleep(AGAIN).then(() => here() && this.#activating(unit, images, here));
    const pictures = answer.images.map(({ picture, value }) => {
      const title = `activation ${value.toFixed(2)}`;
      return make("img", { src: pictureUrl(picture), class: "thumbnail", width: 68, height: 68, alt: title, title });
    });
    images.replaceChildren(...pictures);
    if (answer.missing) images.append(make("p", { class: "soft" }, answer.missing));
  }

  /** The chosen unit becomes a brush: paint a region and add it as a stroke. */
  #brush() {
    this.studio.choose("paint");
    $("units").close();
  }

  async #rename(unit, name) {
    await put(`api/units/${unit}/name`, { model: this.state.classifier.name, name });
    this.#units[unit].name = name;
    const label = $("units-list").querySelector(`[data-unit="${unit}"] span`);
    if (label) label.textContent = short(this.#units[unit], this.#words);
    this.dispatchEvent(new Event("named"));
  }

  /** The chosen unit in the panel. */
  async #showChosen() {
    const { unit, classifier } = this.state;
    const image = $("unit-thumbnail");
    const here = () => this.state.unit === unit && this.state.classifier === classifier && this.state.takesUnit;
    image.hidden = true;
    if (!this.state.takesUnit) return;
    $("unit-about").textContent = "No unit chosen: each is a feature such as fur, stripes or sky.";
    await telling($("unit-error"), () => this.load());
    if (unit === null || !here()) return;
    const classes = this.#units[unit]?.classes ?? [];
    $("unit-about").textContent = this.title(unit) + (classes.length ? `: ${classes.join(", ")}` : "");
    const url = await this.#thumbnails?.fetch(unit, here);
    if (!url || !here()) return;
    image.src = url;
    image.hidden = false;
  }
}
