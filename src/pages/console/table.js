// @ts-check
// The list of instances: search, filters, order and pages.

import { updateDetails } from "./details.js";
import { byId, make, setAttribute, setText } from "./dom.js";
import { drawEmpty } from "./empty.js";
import { on } from "./events.js";
import { STATES } from "./instances.js";
import { announce } from "./messages.js";
import { loadPermissions } from "./permissions.js";
import { newRow, updateRow } from "./row.js";
import { isChosen, setChosen } from "./selection.js";
import { session } from "./session.js";
import { updateTooltip } from "./tooltip.js";
import { changeView, matchingRows, shownColumns, sortedRows, view } from "./view.js";

/** @import { Column, Row } from "./instances.js" */
/** @import { DrawnRow } from "./row.js" */

/** The most rows drawn at once: few enough to be drawn at each key press in the search. */
const ROWS_PER_PAGE = 25;

/** Before asking for the permissions of the visible rows, in ms: not at each key press. */
const PERMISSIONS_DELAY = 120;

/** @type {Map<string, DrawnRow>} by instance ID */
const drawnRows = new Map();

/**
 * Rows that are not visible now, for those that will be: to make new ones takes longer.
 * @type {DrawnRow[]}
 */
const spareRows = [];

const filters = new Map(STATES.map((state) => [state, newFilter(state)]));

/** The columns that are drawn. */
let drawnColumns = "";

/** Draws the list. Unchanged rows keep their elements, and with them the focus. */
function draw() {
  if (!session) return;
  const { found, counts } = matchingRows();
  drawHeads();
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
  drawAllBox();
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
 * Draws the visible rows, in the elements of others that are no longer visible if there are some.
 * If the focused row is gone, the list gets the focus.
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
    drawnRows.delete(id);
    if (drawn.tr.contains(focused)) {
      // What has the focus must not become another instance.
      drawn.tr.remove();
      focusLost = true;
    } else {
      spareRows.push(drawn);
    }
  }
  visible.forEach((row, index) => {
    const drawn = drawnRows.get(row.id) ?? spareRows.shift() ?? newRow(row);
    drawnRows.set(row.id, drawn);
    drawn.row = row;
    setAttribute(drawn.tr, "aria-rowindex", first + index + 2); // row 1 is the header
    updateRow(drawn);
    const place = tbody.children[index] ?? null;
    if (place !== drawn.tr) tbody.insertBefore(drawn.tr, place);
  });
  for (const { tr } of spareRows) tr.remove();
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
  drawEmpty(found === 0, loading);
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
    const states = new Set(view.states);
    if (!states.delete(state)) states.add(state);
    changeView({ states });
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
    changeView({ column, descending: view.column === column && !view.descending });
  });
  const attributes = { role: "columnheader", scope: "col", "data-column": column };
  return make("th", attributes, button);
}

const allBox = make("input", { type: "checkbox", "aria-label": "Choose all that match" });
allBox.addEventListener("click", () => {
  const ids = matchingRows().found.map((row) => row.id);
  setChosen(ids, allBox.checked);
});

/** Shows whether all rows that match are chosen, or some. */
function drawAllBox() {
  const { found } = matchingRows();
  const count = found.filter((row) => isChosen(row.id)).length;
  allBox.checked = count > 0 && count === found.length;
  allBox.indeterminate = count > 0 && count < found.length;
}

/** Removes all rows: they have other columns, or are those of an earlier session. */
function forgetRows() {
  byId("rows").replaceChildren();
  drawnRows.clear();
  spareRows.length = 0;
}

/** Draws the header of other columns than before; their rows are drawn anew. */
function drawHeads() {
  const columns = shownColumns().join();
  if (columns === drawnColumns) return;
  drawnColumns = columns;
  forgetRows();
  byId("heads").replaceChildren(
    make("th", { role: "columnheader", scope: "col", className: "choose" }, allBox),
    ...shownColumns().map(([column, title]) => newHead(column, title)),
    make("th", { role: "columnheader", scope: "col", className: "actions" }, "Actions"),
  );
}

const search = byId("search", HTMLInputElement);
search.addEventListener("input", () => changeView({ search: search.value }));

/**
 * Lets a button turn the page.
 * @param {string} id
 * @param {number} step
 */
function turnPageBy(id, step) {
  const button = byId(id);
  button.addEventListener("click", () => {
    if (button.getAttribute("aria-disabled") === "true") return;
    changeView({ page: view.page + step });
    byId("title").scrollIntoView();
    announce(byId("page").textContent ?? "");
  });
}
turnPageBy("previous", -1);
turnPageBy("next", 1);

on("lists-changed", draw);
on("view-changed", () => {
  if (search.value !== view.search) search.value = view.search;
  draw();
});
on("rows-changed", updateRows);
on("selection-changed", () => {
  updateRows();
  drawAllBox();
});
on("signed-out", () => {
  forgetRows();
  search.value = "";
  byId("count").textContent = "";
});
