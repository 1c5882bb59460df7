/** The sessions that are kept: looking for one, going on with it, deleting it. */

import { get, query, request } from "./api.js";
import { pictureUrl } from "./codec.js";
import { $, debounce, make, telling } from "./dom.js";

/** Milliseconds of quiet after which what is typed is looked for. */
const QUIET = 200;

export class SessionList {
  /** Of the session on the page, which is not listed. */
  #current = "";
  #ticket = 0;

  /** @param {(id: string) => any} choose goes on with a session */
  constructor(choose) {
    this.choose = choose;
    $("sessions-search").addEventListener("input", debounce(() => this.#show(), QUIET));
  }

  /** List all of them. @param {string} current id of the session on the page */
  open(current) {
    this.#current = current;
    $("sessions-search").value = "";
    return this.#show();
  }

  async #show() {
    const ticket = ++this.#ticket;
    const search = $("sessions-search").value.trim();
    await telling($("sessions-error"), async () => {
      const { sessions } = await get(query("sessions", { search }));
      if (ticket !== this.#ticket) return;
      const items = sessions.filter(({ id }) => id !== this.#current).map((saved) => this.#item(saved));
      const none = search ? "No other session has this title." : "No other sessions yet.";
      $("sessions").replaceChildren(...(items.length ? items : [make("li", { class: "soft" }, none)]));
    });
  }

  /** @param {{id: string, title: string, saved: number, picture: string}} session */
  #item({ id, title, saved, picture }) {
    const image = make("img", { src: pictureUrl(picture), alt: "", width: 40, height: 40, class: "thumbnail" });
    const when = new Date(1000 * saved).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    const titled = make("span", { class: "titled" }, make("span", { title }, title), make("small", {}, when));
    const open = { type: "button", class: "row grow", onclick: () => this.choose(id) };
    const item = make("li", { class: "row" }, make("button", open, image, titled));
    item.append(deletion(title, () => this.#delete(id, item)));
    return item;
  }

  async #delete(id, item) {
    await telling($("sessions-error"), async () => {
      await request("DELETE", `api/sessions/${id}`);
      const at = [...$("sessions").children].indexOf(item);
      await this.#show();
      const left = $("sessions").querySelectorAll("li > button:last-child");
      (left[Math.min(at, left.length - 1)] ?? $("sessions-search")).focus();
    });
  }
}

/** A button that acts when it is pressed twice, as what it deletes does not come back. */
function deletion(title, act) {
  const button = make("button", { type: "button", class: "square", title: "Delete" });
  const ask = (asked) => {
    button.classList.toggle("asked", asked);
    button.textContent = asked ? "Delete?" : "✕";
    button.setAttribute("aria-label", `${asked ? "Really delete" : "Delete"}: ${title}`);
  };
  ask(false);
  button.addEventListener("click", () => (button.classList.contains("asked") ? act() : ask(true)));
  button.addEventListener("blur", () => ask(false));
  return button;
}
