// @ts-check
// What of the lists is shown, and how.

import { emit, on } from "./events.js";
import { COLUMNS, DEFAULT_COLUMNS } from "./instances.js";
import { listedAccounts, session } from "./session.js";

/** @import { Column, Row } from "./instances.js" */

/**
 * @typedef {object} View
 * @property {string} search as typed
 * @property {Set<string>} states none: all
 * @property {[string, string][]} tags keys and values; of one key, any of its values
 * @property {number} page counted from 0
 * @property {Column} column that the list is sorted by
 * @property {boolean} descending
 * @property {Column[]} columns that are shown
 */

/**
 * Returns what is shown at first.
 * @returns {View}
 */
export function initialView() {
  return {
    search: "",
    states: new Set(),
    tags: [],
    page: 0,
    column: "name",
    descending: false,
    columns: DEFAULT_COLUMNS,
  };
}

/** @type {View} */
export const view = initialView();

/**
 * All rows in order, until a list or the order changes.
 * @type {Row[] | null}
 */
let sorted = null;

/**
 * What matches, until a list or the view changes.
 * @type {{ found: Row[], counts: Map<string, number> } | null}
 */
let matching = null;

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/**
 * Changes the view and draws the list, from its first page unless told otherwise.
 * @param {Partial<View>} changes
 */
export function changeView(changes) {
  if ("column" in changes || "descending" in changes) sorted = null;
  matching = null;
  Object.assign(view, { page: 0 }, changes);
  emit("view-changed");
}

/** Shows all instances of the selected regions. */
export function clearFilters() {
  changeView({ search: "", states: new Set(), tags: [] });
}

/**
 * Shows only instances with this tag, or with those of the other filters of its key.
 * @param {string} key
 * @param {string} value
 */
export function filterByTag(key, value) {
  if (view.tags.some((tag) => tag[0] === key && tag[1] === value)) return;
  changeView({ tags: [...view.tags, [key, value]] });
}

/**
 * Returns the columns that are shown, with their titles. The name always is, and the account while
 * more than one is listed.
 */
export function shownColumns() {
  const accounts = listedAccounts();
  const hasSeveral = accounts.length > 1 || accounts.includes("all");
  return COLUMNS.filter(([column]) => {
    if (column === "account") return hasSeveral;
    return column === "name" || view.columns.includes(column);
  });
}

/** Returns all rows in order; rows without a value come last in either direction. */
export function sortedRows() {
  if (sorted) return sorted;
  const { column, descending } = view;
  const sign = descending ? -1 : 1;
  /** @type {(a: Row, b: Row) => number} */
  const compare = (a, b) =>
    Number(a[column] === "") - Number(b[column] === "") ||
    sign * collator.compare(a[column], b[column]) ||
    collator.compare(a.id, b.id);
  const lists = session ? [...session.lists.values()] : [];
  sorted = lists.flatMap((list) => list.rows).sort(compare);
  return sorted;
}

/**
 * Returns the rows that match, in order, and how many there are of each state whatever states are
 * chosen.
 */
export function matchingRows() {
  if (matching) return matching;
  const words = view.search.toLowerCase().split(/\s+/).filter(Boolean);
  /** @type {Map<string, Set<string>>} */
  const tags = new Map();
  for (const [key, value] of view.tags) tags.set(key, (tags.get(key) ?? new Set()).add(value));
  /** @type {Map<string, number>} */
  const counts = new Map();
  /** @type {Row[]} */
  const found = [];
  for (const row of sortedRows()) {
    if (!words.every((word) => row.text.includes(word))) continue;
    if (tags.size && !hasTags(row, tags)) continue;
    counts.set(row.state, (counts.get(row.state) ?? 0) + 1);
    if (!view.states.size || view.states.has(row.state)) found.push(row);
  }
  matching = { found, counts };
  return matching;
}

/**
 * Whether an instance has one of the values for each key.
 * @param {Row} row
 * @param {Map<string, Set<string>>} tags
 */
function hasTags({ source }, tags) {
  return [...tags].every(([key, values]) => {
    const value = source.tags?.[key];
    return value !== undefined && values.has(value);
  });
}

on("lists-changed", () => {
  sorted = matching = null;
});
on("signed-out", () => {
  sorted = matching = null;
  Object.assign(view, initialView());
});
