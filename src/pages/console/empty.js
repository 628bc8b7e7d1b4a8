// @ts-check
// Says why the list is empty, and how to fill it.

import { byId, setText } from "./dom.js";
import { openLaunch } from "./launch.js";
import { openRegions, total } from "./regions.js";
import { listedRegions, session } from "./session.js";
import { clearFilters, sortedRows } from "./view.js";

const launchButton = byId("empty-launch");
const clearButton = byId("empty-clear");
const regionsButton = byId("empty-regions");

/**
 * Draws the hint below an empty list.
 * @param {boolean} isEmpty
 * @param {string} loading the regions whose first page is under way
 */
export function drawEmpty(isEmpty, loading) {
  byId("empty").hidden = !isEmpty;
  if (!isEmpty || !session) return;
  const lists = [...session.lists.values()];
  const hasRows = sortedRows().length > 0;
  const listed = listedRegions();
  const others = session.regions.filter((region) => total(region) && !listed.includes(region.name));
  const names = others.map((region) => `${region.name} (${total(region)})`).join(", ");
  setText(byId("empty-text"), emptyText(lists.length, loading, hasRows, names));
  launchButton.hidden = Boolean(loading) || hasRows;
  clearButton.hidden = !hasRows;
  regionsButton.hidden = Boolean(loading) || hasRows;
}

/**
 * @param {number} selected number of regions
 * @param {string} loading
 * @param {boolean} hasRows
 * @param {string} others regions with instances that are not selected, with their numbers
 */
function emptyText(selected, loading, hasRows, others) {
  if (loading) return "Loading.";
  if (!session?.regions.length) return "The regions could not be loaded: reload the page.";
  if (hasRows) return "No instance matches the search and the filters.";
  if (others)
    return `${selected ? "There are none here" : "No region is chosen"}. There are instances in ${others}.`;
  return "Nothing is launched yet in the regions of this deployment, as far as your key may see.";
}

launchButton.addEventListener("click", openLaunch);
clearButton.addEventListener("click", () => {
  clearFilters();
  byId("search").focus();
});
regionsButton.addEventListener("click", openRegions);
