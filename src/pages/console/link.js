// @ts-check
// The view in the fragment of the URL: a link shows a colleague the same rows, as far as that
// person may see them. It holds no key, and the browser sends no fragment to any server.

import { on } from "./events.js";
import { COLUMNS, STATES } from "./instances.js";
import { listedAccounts, listedRegions, session } from "./session.js";
import { changeView, initialView, view } from "./view.js";

/** @import { Column } from "./instances.js" */

/** From a change of the view to that of the URL, in ms: browsers limit how often that may change. */
const WRITE_DELAY = 250;

/** @type {number | undefined} */
let writeTimer;

/** Returns the parameters of the fragment. */
function parameters() {
  return new URLSearchParams(location.hash.slice(1));
}

/**
 * Splits a comma-separated parameter of the fragment.
 * @param {string} name
 */
function listOf(name) {
  return (parameters().get(name) ?? "").split(",").filter(Boolean);
}

/** Returns the accounts of the link, by name or number, or `all`. */
export function linkedAccounts() {
  return listOf("accounts");
}

/** Returns the regions of the link. */
export function linkedRegions() {
  return listOf("regions");
}

/** Shows the view of the link. Settings that it lacks have their initial values. */
export function readLink() {
  const names = COLUMNS.map(([column]) => column);
  /** @type {(name: string) => Column[]} */
  const columnsOf = (name) => names.filter((column) => listOf(name).includes(column));
  const sort = parameters().get("sort") ?? "";
  const column = names.find((name) => name === sort.replace(/^-/, ""));
  const columns = columnsOf("columns");
  /** @type {[string, string][]} */
  const tags = [...parameters()].flatMap(([name, value]) =>
    name.startsWith("tag:") ? [/** @type {[string, string]} */ ([name.slice(4), value])] : [],
  );
  const first = initialView();
  changeView({
    search: parameters().get("search") ?? "",
    states: new Set(listOf("state").filter((state) => STATES.includes(state))),
    tags,
    column: column ?? first.column,
    descending: column !== undefined && sort.startsWith("-"),
    columns: columns.length ? columns : first.columns,
  });
}

/** Returns the fragment of what is shown. */
function fragment() {
  const first = initialView();
  const chosen = new URLSearchParams();
  const accounts = listedAccounts();
  const onlyOwn = accounts.every((account) => !account);
  const own = session?.accounts[0]?.id || "-";
  if (!onlyOwn) chosen.set("accounts", accounts.map((account) => account || own).join());
  const regions = listedRegions();
  if (regions.length) chosen.set("regions", regions.join());
  if (view.search.trim()) chosen.set("search", view.search.trim());
  if (view.states.size) chosen.set("state", [...view.states].join());
  for (const [key, value] of view.tags) chosen.append(`tag:${key}`, value);
  if (view.columns.join() !== first.columns.join()) chosen.set("columns", view.columns.join());
  const sort = `${view.descending ? "-" : ""}${view.column}`;
  if (sort !== first.column) chosen.set("sort", sort);
  return chosen.toString();
}

/** Writes the view to the URL soon: at each key press in the search it would take too long. */
function writeLinkLater() {
  clearTimeout(writeTimer);
  writeTimer = setTimeout(writeLink, WRITE_DELAY);
}

/** Writes what is shown to the URL, in place of the present entry of the history. */
export function writeLink() {
  clearTimeout(writeTimer);
  // Without an account, or without regions, nothing is listed: the link stays what it was about.
  if (!session?.hasChosen || !session.regions.length) return;
  const hash = fragment();
  if (hash === location.hash.slice(1)) return;
  history.replaceState(null, "", `#${hash}`);
}

// At once: the page may be reloaded the moment after a region was chosen.
on("lists-changed", writeLink);
on("view-changed", writeLinkLater);
on("forgotten", () => {
  clearTimeout(writeTimer);
  history.replaceState(null, "", location.pathname + location.search);
});
