/** Who this tab is: its id and its session's, kept over a reload and shared with no other tab. */

/** Milliseconds that a reloaded page waits for itself to let go of an id. */
const PATIENCE = 700;

/** How to let go of each id that this tab holds. @type {Map<string, () => void>} */
const held = new Map();

/** 32 letters that nobody guesses; crypto.randomUUID would need a secure context. */
export function identity() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Hold an id until the tab is closed. Browsers have no locks where the page comes unencrypted from another machine;
 * there every id counts as free.
 * @param {string} id
 * @returns {Promise<boolean>} false if another tab holds it
 */
export function hold(id) {
  if (!navigator.locks || held.has(id)) return Promise.resolve(true);
  return new Promise((resolve) => {
    const holding = () =>
      new Promise((release) => {
        held.set(id, release);
        resolve(true);
      });
    const options = { signal: AbortSignal.timeout(PATIENCE) };
    navigator.locks.request(`pellucid ${id}`, options, holding).catch(() => resolve(false));
  });
}

/** Let another tab have an id. @param {string} id */
export function letGo(id) {
  held.get(id)?.();
  held.delete(id);
}

/** Leave what is not saved yet to the next page in this tab. @param {string} id of the session @param {any} content */
export function leave(id, content) {
  try {
    sessionStorage.setItem("unsaved", JSON.stringify({ id, content }));
  } catch {
    // More than a browser keeps: the earlier results are on the server already, but for the last one.
    const { history: _, ...rest } = content;
    sessionStorage.setItem("unsaved", JSON.stringify({ id, content: rest }));
  }
}

/** Take what the page before left of a session. @param {string} id @returns {Object|undefined} */
export function takeLeft(id) {
  const left = JSON.parse(sessionStorage.getItem("unsaved"));
  sessionStorage.removeItem("unsaved");
  return left?.id === id ? left.content : undefined;
}

/** The id under a name. A duplicated tab inherits the other's, which is still in use, and takes a new one. */
async function own(name) {
  const inherited = sessionStorage.getItem(name);
  if (inherited && (await hold(inherited))) return { inherited, id: inherited };
  const id = identity();
  await hold(id);
  sessionStorage.setItem(name, id);
  return { inherited, id };
}

const [tab, session] = await Promise.all([own("tab"), own("session")]);

/** This tab's id. */
export const TAB = tab.id;
/** Its session's id, and that of the session whose content it begins with, if there is one. */
export const SESSION = session.id;
export const INHERITED = session.inherited;
