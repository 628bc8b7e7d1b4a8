// @ts-check
// Which instances are chosen, for an action on many at once.

import { emit, on } from "./events.js";
import { session } from "./session.js";
import { matchingRows } from "./view.js";

/** @type {Set<string>} instance IDs */
const chosen = new Set();

/** The instance at which a range begins: the last one whose box was clicked. */
let anchor = "";

/**
 * @param {string} id
 */
export function isChosen(id) {
  return chosen.has(id);
}

/**
 * Chooses an instance, or no longer.
 * @param {string} id
 * @param {boolean} checked
 * @param {boolean} isRange whether all rows from the last one on are meant
 */
export function choose(id, checked, isRange) {
  const { found } = matchingRows();
  const start = found.findIndex((row) => row.id === anchor);
  const end = found.findIndex((row) => row.id === id);
  anchor = id;
  if (!isRange || start < 0 || end < 0) setChosen([id], checked);
  else {
    const range = found.slice(Math.min(start, end), Math.max(start, end) + 1);
    setChosen(
      range.map((row) => row.id),
      checked,
    );
  }
}

/**
 * Chooses instances, or no longer.
 * @param {string[]} ids
 * @param {boolean} checked
 */
export function setChosen(ids, checked) {
  for (const id of ids) {
    if (checked) chosen.add(id);
    else chosen.delete(id);
  }
  emit("selection-changed");
}

/** Returns the rows of the chosen instances, whether they match the filters or not. */
export function chosenRows() {
  if (!chosen.size || !session) return [];
  const rows = [...session.lists.values()].flatMap((list) => list.rows);
  return rows.filter((row) => chosen.has(row.id));
}

on("lists-changed", () => {
  if (!chosen.size) return;
  const present = new Set(chosenRows().map((row) => row.id));
  for (const id of chosen) if (!present.has(id)) chosen.delete(id);
});
on("signed-out", () => {
  chosen.clear();
  anchor = "";
});
