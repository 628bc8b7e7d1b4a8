// @ts-check
// The list of instances: search, filters, order and pages.

import { requestAction } from "./actions.js";
import { openDetails, updateDetails } from "./details.js";
import { byId, make, setAttribute, setText } from "./dom.js";
import { on } from "./events.js";
import { COLUMNS, localTime } from "./instances.js";
import { announce } from "./messages.js";
import { ACTIONS, loadPermissions, unavailableReason } from "./permissions.js";
import { session } from "./session.js";
import { updateTooltip } from "./tooltip.js";

/** @import { Column, Row } from "./instances.js" */
/** @import { Action } from "./permissions.js" */

/** The most rows drawn at once: few enough to be drawn at each key press in the search. */
const ROWS_PER_PAGE = 50;

/** Before asking for the permissions of the visible rows, in ms: not at each key press. */
const PERMISSIONS_DELAY = 120;

const STATES = ["running", "stopped", "pending", "stopping", "shutting-down", "terminated"];

/**
 * What of the lists is shown, and how. `sorted` is a cache of all rows.
 * @type {{
 *   words: string[],
 *   states: Set<string>,
 *   page: number,
 *   column: Column,
 *   descending: boolean,
 *   sorted: Row[] | null,
 * }}
 */
export const view = {
  words: [],
  states: new Set(),
  page: 0,
  column: "name",
  descending: false,
  sorted: null,
};

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/**
 * The elements of a row in the page.
 * @typedef {object} DrawnRow
 * @property {HTMLTableRowElement} tr
 * @property {HTMLTableCellElement[]} cells
 * @property {HTMLElement} state
 * @property {{ action: Action, button: HTMLButtonElement, reason: HTMLElement }[]} buttons
 * @property {HTMLButtonElement} details
 * @property {Row} row what it shows
 */

/** @type {Map<string, DrawnRow>} by instance ID */
const drawnRows = new Map();

const filters = new Map(STATES.map((state) => [state, newFilter(state)]));

/** Returns all rows in order; rows without a value come last in either direction. */
function sortedRows() {
  if (view.sorted) return view.sorted;
  const { column, descending } = view;
  const sign = descending ? -1 : 1;
  /** @type {(a: Row, b: Row) => number} */
  const compare = (a, b) =>
    Number(a[column] === "") - Number(b[column] === "") ||
    sign * collator.compare(a[column], b[column]) ||
    collator.compare(a.id, b.id);
  const lists = session ? [...session.lists.values()] : [];
  view.sorted = lists.flatMap((list) => list.rows).sort(compare);
  return view.sorted;
}

/** Draws the list. Unchanged rows keep their elements, and with them the focus. */
function draw() {
  if (!session) return;
  const { words, states } = view;
  /** @type {Map<string, number>} */
  const counts = new Map();
  /** @type {Row[]} */
  const found = [];
  for (const row of sortedRows()) {
    if (!words.every((word) => row.text.includes(word))) continue;
    counts.set(row.state, (counts.get(row.state) ?? 0) + 1);
    if (!states.size || states.has(row.state)) found.push(row);
  }
  drawFilters(counts);
  drawOrder();
  const pages = Math.max(1, Math.ceil(found.length / ROWS_PER_PAGE));
  view.page = Math.min(view.page, pages - 1);
  const first = view.page * ROWS_PER_PAGE;
  const visible = found.slice(first, first + ROWS_PER_PAGE);
  drawRows(visible, first);
  setAttribute(byId("table"), "aria-rowcount", found.length + 1);
  drawPager(pages);
  drawSummary(found.length);
  updateDetails();
  updateTooltip();
  clearTimeout(session.permissionTimer);
  session.permissionTimer = setTimeout(() => loadPermissions(visible), PERMISSIONS_DELAY);
}

/**
 * Draws the filters by state. Those without instances are hidden, unless active or focused.
 * @param {Map<string, number>} counts by state
 */
function drawFilters(counts) {
  for (const [state, filter] of filters) {
    const count = counts.get(state) ?? 0;
    const active = view.states.has(state);
    setText(filter, `${state} ${count}`);
    setAttribute(filter, "aria-pressed", active);
    filter.hidden = !count && !active && filter !== document.activeElement;
  }
}

/** Marks the column that the list is sorted by. */
function drawOrder() {
  const order = view.descending ? "descending" : "ascending";
  /** @type {NodeListOf<HTMLElement>} */
  const heads = byId("heads").querySelectorAll("[data-column]");
  for (const head of heads) {
    setAttribute(head, "aria-sort", head.dataset.column === view.column ? order : null);
  }
}

/**
 * Draws the visible rows. If the focused row is gone, the list gets the focus.
 * @param {Row[]} visible
 * @param {number} first index of the first visible row
 */
function drawRows(visible, first) {
  const focused = document.activeElement;
  const tbody = byId("rows");
  const visibleIds = new Set(visible.map((row) => row.id));
  let focusLost = false;
  for (const [id, drawn] of drawnRows) {
    if (visibleIds.has(id)) continue;
    focusLost ||= drawn.tr.contains(focused);
    drawn.tr.remove();
    drawnRows.delete(id);
  }
  visible.forEach((row, index) => {
    const drawn = drawnRows.get(row.id) ?? newRow(row);
    drawn.row = row;
    setAttribute(drawn.tr, "aria-rowindex", first + index + 2); // row 1 is the header
    updateRow(drawn);
    const place = tbody.children[index] ?? null;
    if (place !== drawn.tr) tbody.insertBefore(drawn.tr, place);
  });
  if (focusLost) byId("scroll").focus();
  else if (focused instanceof HTMLElement && focused.isConnected) {
    if (focused !== document.activeElement) focused.focus();
  }
}

/** @param {number} pages */
function drawPager(pages) {
  byId("pages").hidden = pages === 1;
  setText(byId("page"), `Page ${view.page + 1} of ${pages}`);
  setAttribute(byId("previous"), "aria-disabled", view.page === 0);
  setAttribute(byId("next"), "aria-disabled", view.page === pages - 1);
}

/**
 * Says how many instances are shown, how old the lists are, or why there are none.
 * @param {number} found
 */
function drawSummary(found) {
  const lists = session ? [...session.lists.values()] : [];
  const loading = lists
    .filter((list) => !list.loaded && list.loading)
    .map((list) => list.region)
    .join(", ");
  const total = sortedRows().length;
  const count = total === 1 ? "1 instance" : `${total} instances`;
  const parts = [found === total ? count : `${found} of ${total} instances`];
  const [oldest] = lists
    .flatMap((list) => list.loadedAt ?? [])
    .sort((a, b) => a.getTime() - b.getTime());
  if (loading) parts.push(`loading ${loading}`);
  else if (oldest) parts.push(`as of ${oldest.toLocaleTimeString()}`);
  setText(byId("count"), parts.join(", "));

  const empty = byId("empty");
  empty.hidden = found > 0;
  if (!lists.length) setText(empty, "Choose a region above.");
  else if (loading) setText(empty, "Loading.");
  else setText(empty, total ? "Nothing matches." : "There are no instances here.");
}

/**
 * Creates the elements of a row, without their texts.
 * @param {Row} row
 * @returns {DrawnRow}
 */
function newRow(row) {
  const state = make("span", { className: "state" });
  const cells = COLUMNS.map(([column, title]) => {
    if (column === "name") return make("th", { role: "rowheader", scope: "row" });
    const className = column === "state" ? "" : "fixed";
    const cell = make("td", { role: "cell", "data-label": title, className });
    if (column === "state") cell.append(state);
    return cell;
  });
  const buttons = ACTIONS.map((action) => {
    const className = action.danger ? "danger" : "";
    const button = make("button", { type: "button", className }, action.title);
    const reason = make("span", { hidden: true, id: `why-${action.verb}-${row.id}` });
    button.addEventListener("click", () => requestAction(action, drawn.row, button));
    return { action, button, reason };
  });
  const details = make("button", { type: "button" }, "Details");
  details.addEventListener("click", () => openDetails(drawn.row));
  const actions = make(
    "div",
    {},
    ...buttons.flatMap(({ button, reason }) => [button, reason]),
    details,
  );
  const lastCell = make("td", { role: "cell", className: "actions" }, actions);
  const tr = make("tr", { role: "row" }, ...cells, lastCell);
  const drawn = { tr, cells, state, buttons, details, row };
  drawnRows.set(row.id, drawn);
  return drawn;
}

/**
 * Updates the texts of a row and the state of its buttons.
 * @param {DrawnRow} drawn
 */
function updateRow({ cells, state, buttons, details, row }) {
  setText(state, row.state);
  const className = `state ${STATES.includes(row.state) ? row.state : ""}`;
  if (state.className !== className) state.className = className;
  COLUMNS.forEach(([column], index) => {
    const cell = cells[index];
    if (column === "state" || !cell) return;
    const text = cellText(column, row);
    setText(cell, text);
    cell.classList.toggle("empty", !text);
  });
  for (const { action, button, reason } of buttons) {
    const text = unavailableReason(action, row);
    setAttribute(button, "aria-label", `${action.title} ${row.label}`);
    setAttribute(button, "aria-disabled", text ? "true" : null);
    setAttribute(button, "aria-describedby", text ? reason.id : null);
    setText(reason, text);
  }
  setAttribute(details, "aria-label", `Details of ${row.label}`);
}

/**
 * @param {Column} column
 * @param {Row} row
 */
function cellText(column, row) {
  if (column === "launched") return localTime(row.launched);
  if (column === "name") return row.name || "\u2013";
  return row[column];
}

/** Updates the visible rows; which rows are visible stays as it is. */
function updateRows() {
  if (!session) return;
  for (const drawn of drawnRows.values()) updateRow(drawn);
  updateDetails();
  updateTooltip();
}

/**
 * Creates the button that shows only instances in this state, or in other chosen ones.
 * @param {string} state
 */
function newFilter(state) {
  const button = make("button", { type: "button", "aria-pressed": "false" });
  button.addEventListener("click", () => {
    if (!view.states.delete(state)) view.states.add(state);
    view.page = 0;
    draw();
  });
  byId("states").append(button);
  return button;
}

/**
 * Creates the header cell of a column, whose button sorts by it.
 * @param {Column} column
 * @param {string} title
 */
function newHead(column, title) {
  const button = make("button", { type: "button" }, title);
  button.addEventListener("click", () => {
    view.descending = view.column === column && !view.descending;
    Object.assign(view, { column, page: 0, sorted: null });
    draw();
  });
  const attributes = { role: "columnheader", scope: "col", "data-column": column };
  return make("th", attributes, button);
}

byId("heads").append(
  ...COLUMNS.map(([column, title]) => newHead(column, title)),
  make("th", { role: "columnheader", scope: "col" }, "Actions"),
);

const search = byId("search", HTMLInputElement);
search.addEventListener("input", () => {
  view.words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  view.page = 0;
  draw();
});

/**
 * Lets a button turn the page.
 * @param {string} id
 * @param {number} step
 */
function turnPageBy(id, step) {
  const button = byId(id);
  button.addEventListener("click", () => {
    if (button.getAttribute("aria-disabled") === "true") return;
    view.page += step;
    draw();
    byId("title").scrollIntoView();
    announce(byId("page").textContent ?? "");
  });
}
turnPageBy("previous", -1);
turnPageBy("next", 1);

on("lists-changed", () => {
  view.sorted = null;
  draw();
});
on("rows-changed", updateRows);
on("signed-out", () => {
  byId("rows").replaceChildren();
  drawnRows.clear();
  Object.assign(view, { words: [], states: new Set(), page: 0, sorted: null });
  search.value = "";
  byId("count").textContent = "";
});
