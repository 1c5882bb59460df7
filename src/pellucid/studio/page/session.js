/** A session: saved by itself as one works, saved to a file, loaded, and found again. */

import { get, post, put } from "./api.js";
import { decodePng, encodeMask, encodePng, fromBase64, pngUrl } from "./codec.js";
import { $, debounce, download, make, say, telling } from "./dom.js";
import { pickFile } from "./photo.js";

/** Milliseconds of quiet after which a session is saved. */
const QUIET = 800;

/** 32 letters that nobody guesses; crypto.randomUUID would need a secure context. */
function identity() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What this tab keeps for itself under a name. @param {string} name */
function kept(name) {
  if (!sessionStorage.getItem(name)) sessionStorage.setItem(name, identity());
  return sessionStorage.getItem(name);
}

/** This tab's id. */
export const TAB = kept("tab");

export class Session {
  #id = kept("session");
  /** Nothing is saved before the page has been filled. */
  #ready = false;
  #later = debounce(() => this.save(), QUIET);

  /** @param {Object} studio see main.js */
  constructor(studio) {
    this.studio = studio;
    const { state, picture, history } = studio;
    state.on("classifier action label unit seed settings second strokes title", this.#later);
    picture.addEventListener("change", this.#later);
    history.addEventListener("change", this.#later);
    document.addEventListener("visibilitychange", () => document.hidden && this.save());
    $("session-title").addEventListener("change", () => state.set({ title: $("session-title").value.trim() }));
    $("session-save").addEventListener("click", () => telling($("session-error"), () => this.#toFile()));
    $("session-load").addEventListener("click", async () => this.open(await pickFile(".json,application/json")));
    $("session-new").addEventListener("click", () => this.#anew());
    $("session-menu").addEventListener("beforetoggle", (event) => event.newState === "open" && this.#list());
  }

  /** Bring back this tab's session. @returns {Promise<boolean>} whether there was one */
  async restore() {
    if (sessionStorage.getItem("saved") !== this.#id) return false;
    const saved = await get(`/api/sessions/${this.#id}`).catch(() => null);
    if (saved) await this.#fill(saved);
    return Boolean(saved);
  }

  /** From now on what changes is saved. */
  begin() {
    this.#ready = true;
  }

  async save() {
    if (!this.#ready) return;
    try {
      await put(`/api/sessions/${this.#id}`, await this.#content());
      sessionStorage.setItem("saved", this.#id);
      $("session-status").textContent = `Saved at ${new Date().toLocaleTimeString()}.`;
      say($("session-error"));
    } catch (error) {
      say($("session-error"), `Not saved: ${error.message}`);
    }
  }

  /** Load a session from a file, as a new session. @param {File} file */
  async open(file) {
    await telling($("session-error"), async () => {
      await this.#fill(await post("/api/sessions/check", file));
      this.#rename(identity());
      $("session-menu").hidePopover();
    });
  }

  async #content() {
    const { state, picture, history } = this.studio;
    const content = {
      pellucid_session: 1, title: this.#title(), model: state.classifier.name, action: state.action,
      picture: await encodePng(picture.image), strokes: state.strokes.map(encodeStroke), settings: state.settings,
      label: state.label, unit: state.unit, seed: state.seed, history: history.results,
    };
    if (picture.masked) content.mask = encodeMask(picture.mask, picture.width, picture.height);
    if (state.second) content.second = state.second;
    return content;
  }

  async #fill(saved) {
    const { state, picture, history, models } = this.studio;
    if (saved.model !== state.classifier?.name) await models.load(saved.model);
    const { title, action, settings, label, unit, seed } = saved;
    const mask = saved.mask ? fromBase64(saved.mask.bytes) : undefined;
    const image = await decodePng(saved.picture);
    picture.reset(image, mask?.length === image.width * image.height ? mask : undefined);
    history.results = saved.history;
    const strokes = saved.strokes.map(decodeStroke);
    // The action last: what is shown for it depends on the others.
    state.set({ title, settings, label, unit, seed, strokes, second: saved.second ?? null });
    state.set({ action: state.actions.some(({ name }) => name === action) ? action : state.action });
  }

  #title() {
    const { title, chosen, label } = this.studio.state;
    return title || [chosen?.title, chosen?.needs.label === "no" ? null : label].filter(Boolean).join(", ");
  }

  async #toFile() {
    const content = await this.#content();
    const name = content.title.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").toLowerCase() || "session";
    download(new Blob([JSON.stringify(content)], { type: "application/json" }), `${name}.pellucid.json`);
  }

  #rename(id) {
    this.#id = id;
    sessionStorage.setItem("session", id);
    this.save();
  }

  async #anew() {
    await telling($("session-error"), async () => {
      await this.save();
      this.#rename(identity());
      this.studio.history.results = [];
      this.studio.state.set({ title: "", strokes: [], second: null, settings: {} });
      this.studio.hint(await this.studio.start.first());
      this.studio.state.set({ action: this.studio.state.action });
      $("session-menu").hidePopover();
    });
  }

  async #list() {
    $("session-title").value = this.studio.state.title;
    $("session-title").placeholder = this.#title();
    await telling($("session-error"), async () => {
      const { sessions } = await get("/api/sessions");
      const others = sessions.filter(({ id }) => id !== this.#id).map((session) => this.#item(session));
      $("sessions").replaceChildren(
        ...(others.length ? others : [make("li", { class: "soft" }, "No other sessions yet.")]),
      );
    });
  }

  #item({ id, title, saved, picture }) {
    const open = () =>
      telling($("session-error"), async () => {
        await this.save();
        await this.#fill(await get(`/api/sessions/${id}`));
        this.#rename(id);
        $("session-menu").hidePopover();
      });
    const image = make("img", { src: pngUrl(picture), alt: "", width: 40, height: 40, class: "thumbnail" });
    const when = new Date(1000 * saved).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    return make(
      "li",
      {},
      make(
        "button",
        { type: "button", class: "row", onclick: open },
        image,
        make("span", { class: "grow" }, title),
        make("small", {}, when),
      ),
    );
  }
}

function encodeStroke({ mask, width, height, unit, strength, on }) {
  return { mask: encodeMask(mask, width, height), unit, strength, on };
}

function decodeStroke({ mask, unit, strength, on }) {
  return { mask: fromBase64(mask.bytes), width: mask.width, height: mask.height, unit, strength, on };
}
