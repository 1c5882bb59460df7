/** A session: brought back, saved to a file, loaded, and changed for another. */

import { get, post } from "./api.js";
import { Autosave } from "./autosave.js";
import { content, fill, title } from "./desk.js";
import { $, download, telling } from "./dom.js";
import { pickFile } from "./photo.js";
import { SessionList } from "./sessions.js";
import { hold, identity, INHERITED, SESSION, takeLeft } from "./tab.js";

export class Session {
  /** @param {Object} studio see main.js */
  constructor(studio) {
    this.studio = studio;
    this.autosave = new Autosave(studio);
    const { state } = studio;
    const tell = (work) => telling($("session-error"), work);
    const list = new SessionList((id) => tell(() => this.#go(id)));
    $("session-title").addEventListener("change", () => state.set({ title: $("session-title").value.trim() }));
    $("session-save").addEventListener("click", () => tell(() => this.#toFile()));
    $("session-load").addEventListener("click", async () => {
      const file = await pickFile(".json,application/json");
      await tell(() => this.open(file));
    });
    $("session-new").addEventListener("click", () => tell(() => this.#anew()));
    $("session-menu").addEventListener("beforetoggle", (event) => {
      if (event.newState !== "open") return;
      $("session-title").value = state.title;
      $("session-title").placeholder = title(studio);
      list.open(this.autosave.id);
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
        this.autosave.rename(identity());
        const name = state.classifier.name;
        state.set({ pictureError: `Its picture is here with ${name}, as the session's classifier is not: ${problem}` });
      }
      return true;
    } catch (error) {
      this.autosave.rename(identity());
      this.studio.state.set({ pictureError: `The last session could not be brought back: ${error.message}` });
      return false;
    }
  }

  /** What was saved of the session that this tab begins with, and what the page left behind when it was closed. */
  async #found() {
    if (!INHERITED) return null;
    const left = takeLeft(INHERITED);
    const saved = sessionStorage.getItem("saved") === INHERITED ? await get(`api/sessions/${INHERITED}`) : null;
    const newer = left && { history: saved?.history ?? [], ...left };
    if (newer || (saved && SESSION !== INHERITED)) this.autosave.touch();
    return newer ?? saved;
  }

  /** Load a session from a file, as a new session. @param {File} file */
  async open(file) {
    const saved = await post("api/sessions/check", await json(file));
    await this.#change(async () => {
      await this.#fill(saved);
      this.autosave.rename(identity());
    });
  }

  /**
   * Change to another session, and leave the run to the one before. What is on the page in between belongs to neither.
   * @param {() => any} work
   */
  async #change(work) {
    await this.studio.run.leave();
    await this.autosave.save();
    this.autosave.pause();
    try {
      await work();
    } finally {
      this.autosave.begin();
    }
    $("session-menu").hidePopover();
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

  async #anew() {
    const { history, picture, start, state } = this.studio;
    const { image, hint } = await start.first();
    await this.#change(() => {
      picture.reset(image);
      this.autosave.rename(identity(), false);
      history.results = [];
      state.set({ title: "", strokes: [], second: null, settings: {}, optional: null, hint });
      state.set({ action: state.action });
    });
  }

  /** Go on with another session. @param {string} id */
  async #go(id) {
    const saved = await get(`api/sessions/${id}`);
    await this.#change(async () => {
      await this.#fill(saved);
      // Open in another tab, it goes on there, and here as a copy.
      this.autosave.rename((await hold(id)) ? id : identity());
    });
  }
}

/** A session's file as it is sent. @param {File} file */
async function json(file) {
  const text = await file.text();
  try {
    JSON.parse(text);
  } catch {
    throw new Error("This file is not a saved studio session.");
  }
  return text;
}
