/** Small helpers for elements. Data only ever becomes text, never markup. */

const SVG = "http://www.w3.org/2000/svg";

/** The element with this id. @param {string} id @returns {any} */
export function $(id) {
  return document.getElementById(id);
}

/**
 * A new element.
 * @param {string} tag
 * @param {Object<string, any>} [properties] "on..." are listeners, booleans are set or left out, the rest are
 *   attributes
 * @param {...(Node|string)} children
 * @returns {any}
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (typeof value === "boolean") element.toggleAttribute(name, value);
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** An icon of icons.svg. @param {string} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `page/icons.svg#${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

/** Show one line in an element, or hide the element when there is nothing to say. */
export function say(element, text = "") {
  element.textContent = text;
  element.hidden = !text;
}

/** Have the field that is typed in tell of its value at once, as it does by itself only when it is left. */
export function commit() {
  const field = document.activeElement;
  if (!field?.matches("input")) return;
  field.blur();
  field.focus({ preventScroll: true });
}

/** A button that can be pressed or not, and keeps the keyboard's focus when it cannot. @param {boolean} on */
export function enable(button, on) {
  button.setAttribute("aria-disabled", String(!on));
}

/** Call `act` when a button is pressed that is enabled. */
export function onPress(button, act) {
  button.addEventListener("click", () => button.getAttribute("aria-disabled") !== "true" && act());
}

/** Run `work` and show what goes wrong as one line in `element`. @returns what `work` returned, or undefined */
export async function telling(element, work) {
  say(element);
  try {
    return await work();
  } catch (error) {
    say(element, error.message);
    return undefined;
  }
}

/** Have the browser save some data as a file. @param {Blob} blob @param {string} name */
export function download(blob, name) {
  const url = URL.createObjectURL(blob);
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Wait. @param {number} milliseconds */
export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Call `work` once, when it has not been asked for again for a while. */
export function debounce(work, milliseconds) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, milliseconds);
  };
}
