/** Saving the session by itself: as one works, and what is left when the page is. */

import { put } from "./api.js";
import { content } from "./desk.js";
import { $, say } from "./dom.js";
import { hold, leave, letGo, SESSION, takeLeft } from "./tab.js";

/** Milliseconds of quiet after which a session is saved, and after which a failed saving is tried again. */
const QUIET = 250;
const RETRY = 10_000;
/** So many bytes a browser goes on sending after the page is closed. */
const KEEPALIVE = 60_000;

export class Autosave {
  id = SESSION;
  /** Nothing is saved before the page has been filled. */
  #ready = false;
  /** How often something changed, and how often it had when it was saved last. */
  #changes = 0;
  #saved = 0;
  #timer = 0;
  /** Whether there is something to keep: a picture of the person's own, a run or a title. Settings alone are not. */
  #own = false;
  /** One saving after the other, so that the newest is the last to arrive. */
  #saving = Promise.resolve();

  /** @param {Object} studio see main.js */
  constructor(studio) {
    this.studio = studio;
    const { state, picture, history } = studio;
    state.on("classifier action label optional unit seed factor settings second strokes", () => this.#changed(false));
    state.on("title", () => this.#changed(true));
    picture.addEventListener("change", () => this.#changed(true));
    history.addEventListener("change", () => this.#changed(true));
    document.addEventListener("visibilitychange", () => document.hidden && this.#unsaved && this.save());
    addEventListener("pagehide", () => this.#leave());
    addEventListener("pageshow", ({ persisted }) => persisted && this.begin());
  }

  /** From now on what changes is saved. */
  begin() {
    this.#ready = true;
    this.#own ||= sessionStorage.getItem("saved") === this.id;
    if (this.#unsaved) this.save();
  }

  /** Save, as there is a run now that belongs to the session. */
  keep() {
    this.#own = true;
    return this.save();
  }

  /** From now on what changes belongs to no session. */
  pause() {
    this.#ready = false;
  }

  /** What is on the page is to be saved. */
  touch() {
    this.#changes += 1;
  }

  /** Save what is there now. */
  save() {
    clearTimeout(this.#timer);
    this.#saving = this.#saving.then(() => this.#put());
    return this.#saving;
  }

  /** Go on as another session. @param {string} id that no other tab has @param {boolean} own of something to keep */
  rename(id, own = true) {
    this.#own = own;
    if (id !== this.id) letGo(this.id);
    hold(id);
    this.id = id;
    sessionStorage.setItem("session", id);
    this.touch();
  }

  get #unsaved() {
    return this.#changes !== this.#saved;
  }

  #changed(own) {
    if (!this.#ready) return;
    this.#own ||= own;
    this.touch();
    this.#saveIn(QUIET);
  }

  #saveIn(milliseconds) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.save(), milliseconds);
  }

  async #put() {
    if (!this.#ready || !this.#own) return;
    const changes = this.#changes;
    const { id } = this;
    try {
      await put(`api/sessions/${id}`, content(this.studio));
      this.#saved = changes;
      sessionStorage.setItem("saved", id);
      takeLeft(id);
      $("session-status").textContent = `Saved at ${new Date().toLocaleTimeString()}.`;
      say($("save-error"));
    } catch (error) {
      say($("save-error"), `Not saved: ${error.message}`);
      this.#saveIn(RETRY);
    }
  }

  /**
   * The page is closing or reloading: keep what is not saved yet, for the next page in this tab, and send it if it
   * is small enough to be sent still.
   */
  #leave() {
    if (!this.#ready || !this.#unsaved) return;
    // What is begun from now on would break off.
    this.pause();
    clearTimeout(this.#timer);
    const unsaved = content(this.studio);
    const body = new Blob([JSON.stringify(unsaved)], { type: "application/json" });
    const options = { method: "PUT", headers: { "X-Pellucid": "1" }, body, keepalive: true };
    if (this.#own && body.size < KEEPALIVE) fetch(`api/sessions/${this.id}`, options).catch(() => {});
    leave(this.id, unsaved);
  }
}
