/** A session: saved by itself as one works, saved to a file, loaded, and found again. */

import { get, post, put } from "./api.js";
import { content, fill, title } from "./desk.js";
import { $, download, say, telling } from "./dom.js";
import { pickFile } from "./photo.js";
import { SessionList } from "./sessions.js";
import { hold, identity, INHERITED, leave, letGo, SESSION, takeLeft } from "./tab.js";

/** Milliseconds of quiet after which a session is saved, and after which a failed saving is tried again. */
const QUIET = 250;
const RETRY = 10_000;
/** So many bytes a browser goes on sending after the page is closed. */
const KEEPALIVE = 60_000;

export class Session {
  #id = SESSION;
  /** Nothing is saved before the page has been filled. */
  #ready = false;
  /** How often something changed, and how often it had when it was saved last. */
  #changes = 0;
  #saved = 0;
  #timer = 0;
  /** One saving after the other, so that the newest is the last to arrive. */
  #saving = Promise.resolve();

  /** @param {Object} studio see main.js */
  constructor(studio) {
    this.studio = studio;
    const { state, picture, history } = studio;
    const list = new SessionList((id) => this.#go(id));
    const changed = () => this.#changed();
    state.on("classifier action label optional unit seed factor settings second strokes title", changed);
    picture.addEventListener("change", changed);
    history.addEventListener("change", changed);
    document.addEventListener("visibilitychange", () => document.hidden && this.#unsaved && this.save());
    addEventListener("pagehide", () => this.#leave());
    addEventListener("pageshow", ({ persisted }) => persisted && this.begin());
    $("session-title").addEventListener("change", () => state.set({ title: $("session-title").value.trim() }));
    $("session-save").addEventListener("click", () => telling($("session-error"), () => this.#toFile()));
    $("session-load").addEventListener("click", async () => {
      await this.open(await pickFile(".json,application/json"), $("session-error"));
    });
    $("session-new").addEventListener("click", () => this.#anew());
    $("session-menu").addEventListener("beforetoggle", (event) => {
      if (event.newState !== "open") return;
      $("session-title").value = state.title;
      $("session-title").placeholder = title(state);
      list.open(this.#id);
    });
  }

  /** Bring back this tab's session, or as much of it as can be. @returns {Promise<boolean>} whether there was one */
  async restore() {
    try {
      const saved = await this.#found();
      if (!saved) return false;
      const { models, state } = this.studio;
      const here = saved.model === state.classifier.name;
      const problem = here ? "" : await models.load(saved.model).then(() => "", ({ message }) => message);
      await fill(this.studio, saved, !problem);
      if (problem) {
        // The other one stays as it was saved, for when its classifier is here again.
        this.#rename(identity());
        const name = state.classifier.name;
        say($("picture-error"), `Its picture is here with ${name}, as the session's classifier is not: ${problem}`);
      }
      return true;
    } catch (error) {
      this.#rename(identity());
      say($("picture-error"), `The last session could not be brought back: ${error.message}`);
      return false;
    }
  }

  /** What was saved of the session that this tab begins with, and what the page left behind when it was closed. */
  async #found() {
    if (!INHERITED) return null;
    const left = takeLeft(INHERITED);
    const saved = sessionStorage.getItem("saved") === INHERITED ? await get(`/api/sessions/${INHERITED}`) : null;
    const newer = left && { history: saved?.history ?? [], ...left };
    if (newer || (saved && this.#id !== INHERITED)) this.#changes += 1;
    return newer ?? saved;
  }

  /** From now on what changes is saved. */
  begin() {
    this.#ready = true;
    if (this.#unsaved) this.save();
  }

  get #unsaved() {
    return this.#changes !== this.#saved;
  }

  /** Save what is there now. */
  save() {
    clearTimeout(this.#timer);
    this.#saving = this.#saving.then(() => this.#put());
    return this.#saving;
  }

  #changed() {
    if (!this.#ready) return;
    this.#changes += 1;
    this.#saveIn(QUIET);
  }

  #saveIn(milliseconds) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.save(), milliseconds);
  }

  async #put() {
    if (!this.#ready) return;
    const changes = this.#changes;
    const id = this.#id;
    try {
      await put(`/api/sessions/${id}`, content(this.studio));
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
   * The page is closing or loaded anew: keep what is not saved yet, for the next page in this tab, and send it if it
   * is small enough to be sent still.
   */
  #leave() {
    if (!this.#ready || !this.#unsaved) return;
    // What is begun from now on would break off.
    this.#ready = false;
    clearTimeout(this.#timer);
    const unsaved = content(this.studio);
    const body = new Blob([JSON.stringify(unsaved)], { type: "application/json" });
    const options = { method: "PUT", headers: { "X-Pellucid": "1" }, body, keepalive: true };
    if (body.size < KEEPALIVE) fetch(`/api/sessions/${this.#id}`, options).catch(() => {});
    leave(this.#id, unsaved);
  }

  /**
   * Load a session from a file, as a new session.
   * @param {File} file
   * @param {HTMLElement} error where to tell what is wrong with it
   */
  async open(file, error) {
    await this.#change(async () => {
      await this.#fill(await post("/api/sessions/check", file));
      this.#rename(identity());
    }, error);
  }

  /** Change to another session. What is on the page in between belongs to neither and is not saved. */
  async #change(work, error = $("session-error")) {
    await telling(error, async () => {
      await this.save();
      this.#ready = false;
      try {
        await work();
      } finally {
        this.begin();
      }
      $("session-menu").hidePopover();
    });
  }

  async #fill(saved) {
    const { state, models } = this.studio;
    if (saved.model !== state.classifier.name) await models.load(saved.model);
    await fill(this.studio, saved);
  }

  async #toFile() {
    const session = content(this.studio);
    const name = session.title.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").toLowerCase() || "session";
    download(new Blob([JSON.stringify(session)], { type: "application/json" }), `${name}.pellucid.json`);
  }

  /** Go on as another session. @param {string} id that no other tab has */
  #rename(id) {
    if (id !== this.#id) letGo(this.#id);
    hold(id);
    this.#id = id;
    sessionStorage.setItem("session", id);
    this.#changes += 1;
  }

  async #anew() {
    await this.#change(async () => {
      const { history, start, state } = this.studio;
      const hint = await start.first();
      this.#rename(identity());
      history.results = [];
      state.set({ title: "", strokes: [], second: null, settings: {}, optional: null });
      this.studio.hint(hint);
      state.set({ action: state.action });
    });
  }

  /** Go on with another session. @param {string} id */
  #go(id) {
    return this.#change(async () => {
      await this.#fill(await get(`/api/sessions/${id}`));
      // Open in another tab, it goes on there, and here as a copy.
      this.#rename((await hold(id)) ? id : identity());
    });
  }
}
