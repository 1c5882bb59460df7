/** Choose one of many names: a field to type in, and a list of those that match. */

import { make, say } from "./dom.js";

/** So many matches are listed; more typing finds the others. */
const LISTED = 200;
/** Data of whose classes there are pictures, in a row of squares of this side. */
const PICTURED = ["natural20", "animals59", "cifar10"];
const SIDE = 40;

export class Chooser {
  #names = [];
  #value = null;
  #active = -1;
  #classifier = null;

  /**
   * @param {HTMLElement} container
   * @param {string} id of the field, for its label
   * @param {(name: string|null) => void} choose called with what the person chose; null for nothing
   */
  constructor(container, id, choose) {
    this.choose = choose;
    this.input = make("input", {
      id, role: "combobox", autocomplete: "off", spellcheck: "false",
      "aria-expanded": "false", "aria-controls": `${id}-list`, "aria-autocomplete": "list",
    });
    this.list = make("ul", { id: `${id}-list`, role: "listbox", hidden: true });
    this.error = make("p", { class: "error bubble", role: "alert", hidden: true });
    container.classList.add("chooser");
    container.append(this.input, this.list, this.error);
    this.input.addEventListener("focus", () => this.input.select());
    this.input.addEventListener("click", () => this.#open(""));
    this.input.addEventListener("input", () => this.#open(this.input.value));
    this.input.addEventListener("keydown", (event) => this.#key(event));
    this.input.addEventListener("blur", () => this.#leave());
    // Before the field loses the focus, which would close the list.
    this.list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => this.#take(event.target.closest("li")));
  }

  /**
   * @param {{classes: string[], data: string|null}|null} classifier
   * @param {string|null} value
   * @param {string} empty shown while nothing is chosen
   * @param {boolean} optional nothing may be chosen
   */
  show(classifier, value, empty, optional = false) {
    const names = classifier?.classes ?? [];
    this.#classifier = classifier;
    this.#names = names.toSorted((one, other) => one.localeCompare(other, "en", { numeric: true }));
    this.#value = value;
    this.optional = optional;
    this.#refuse("");
    this.input.placeholder = empty;
    this.input.value = value ?? "";
  }

  #open(text) {
    this.#refuse("");
    const words = text.toLowerCase();
    const found = this.#names.filter((name) => name.toLowerCase().includes(words)).slice(0, LISTED);
    this.list.replaceChildren(...found.map((name, at) => this.#option(name, at)));
    if (!found.length) this.list.append(make("li", { class: "soft" }, "No class has this name."));
    this.#expand(true);
    this.#activate(found.includes(this.#value) ? found.indexOf(this.#value) : found.length && text ? 0 : -1);
  }

  #option(name, at) {
    const selected = String(name === this.#value);
    return make(
      "li",
      { role: "option", id: `${this.input.id}-${at}`, "aria-selected": selected, "data-name": name },
      ...this.#picture(name),
      name,
    );
  }

  #picture(name) {
    const { classes, data } = this.#classifier;
    if (!PICTURED.includes(data)) return [];
    const picture = make("span", { class: "class-picture" });
    picture.style.backgroundImage = `url(page/classes/${data}.webp)`;
    picture.style.backgroundPosition = `${-SIDE * classes.indexOf(name)}px 0`;
    return [picture];
  }

  #expand(open) {
    this.list.hidden = !open;
    // Above everything around it, and on the side where there is more room.
    const { left, top, bottom, width } = this.input.getBoundingClientRect();
    const below = innerHeight - bottom;
    const up = below < Math.min(top, 220);
    Object.assign(this.list.style, {
      left: `${left}px`, width: `${width}px`, maxHeight: `${Math.min(320, (up ? top : below) - 12)}px`,
      top: up ? "auto" : `${bottom + 2}px`, bottom: up ? `${innerHeight - top + 2}px` : "auto",
    });
    this.input.setAttribute("aria-expanded", String(open));
  }

  #activate(at) {
    this.#active = at;
    const options = [...this.list.children];
    options.forEach((option, index) => option.classList.toggle("active", index === at));
    options[at]?.scrollIntoView({ block: "nearest" });
    if (options[at]) this.input.setAttribute("aria-activedescendant", options[at].id);
    else this.input.removeAttribute("aria-activedescendant");
  }

  #key(event) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (this.list.hidden) this.#open("");
      else this.#step(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter" && !this.list.hidden) {
      this.#take(this.list.children[this.#active]);
      // With Control it runs the action too.
      if (event.ctrlKey || event.metaKey) return;
    } else if (event.key === "Escape" && !this.list.hidden) this.#leave();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #step(by) {
    const { length } = this.list.children;
    this.#activate((this.#active + by + length) % length);
  }

  #take(option) {
    if (!option?.dataset.name) return;
    this.#set(option.dataset.name);
    this.#expand(false);
  }

  #set(name) {
    this.input.value = name ?? "";
    if (name === this.#value) return;
    this.#value = name;
    this.choose(name);
  }

  /** What was typed counts if it is a name, or empty where that is allowed; otherwise the nearest names are told. */
  #leave() {
    this.#expand(false);
    const typed = this.input.value.trim().toLowerCase();
    if (!typed) return this.#set(this.optional ? null : this.#value);
    const found = this.#names.find((name) => name.toLowerCase() === typed);
    if (found) return this.#set(found);
    const [nearest] = this.#names.toSorted((one, other) => distance(typed, one) - distance(typed, other));
    this.#refuse(`No such class; nearest: ${nearest}. It stays ${this.#value ?? "open"}.`);
    this.input.value = this.#value ?? "";
  }

  /** Say it in a bubble below the field, which moves nothing and goes with the next key or click. */
  #refuse(problem) {
    say(this.error, problem);
    this.input.setAttribute("aria-invalid", String(Boolean(problem)));
    if (!problem) return;
    const seen = new AbortController();
    for (const name of ["keydown", "pointerdown"]) {
      document.addEventListener(name, () => (seen.abort(), this.#refuse("")), { signal: seen.signal });
    }
  }
}

/** How many letters differ between a typed text and a name (Levenshtein), which may go on after it. */
function distance(typed, name) {
  let row = Array.from({ length: name.length + 1 }, (_, at) => at);
  for (const letter of typed) {
    row = row.reduce((next, above, at) => {
      const same = at && name[at - 1].toLowerCase() === letter ? row[at - 1] : Infinity;
      next.push(at ? Math.min(same, 1 + Math.min(row[at - 1], above, next[at - 1])) : above + 1);
      return next;
    }, []);
  }
  return Math.min(...row) + 0.1 * row.at(-1);
}
