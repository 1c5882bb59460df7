/** Looking for units by number, name or class. */

/** @typedef {import("./units.js").Unit} Unit */

/**
 * First the units of this number or name, then those that speak most for such a class, then the others.
 * @param {Unit[]} units @param {string} words in small letters
 */
export function matching(units, words) {
  if (!words) return units;
  // Units without a name are called "Unit 31".
  const number = words.replace(/^unit\s+/, "");
  const place = (one) => {
    const called = String(one.unit) === number || (one.name && title(one).toLowerCase().startsWith(words));
    return called ? 0 : [one.name, ...one.classes].findIndex((text) => contains(text, words));
  };
  return units
    .map((unit) => ({ unit, at: place(unit) }))
    .filter(({ at }) => at >= 0)
    .sort((one, other) => one.at - other.at)
    .map(({ unit }) => unit);
}

/** A unit for people. @param {{unit: number, name?: string}} unit */
export const title = ({ unit, name }) => (name ? `${name} (unit ${unit})` : `Unit ${unit}`);

/** A unit in few words: its name, or the class that is searched for. @param {Unit} unit @param {string} words */
export function short({ unit, name, classes }, words) {
  const found = classes.find((text) => contains(text, words)) ?? classes[0];
  return name || [unit, found].filter((part) => part !== undefined).join(": ");
}

const contains = (text, words) => text.toLowerCase().includes(words);
