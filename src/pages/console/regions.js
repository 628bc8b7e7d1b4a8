// @ts-check
// The regions: how many instances they have, and which are selected.

import { callApi } from "./api.js";
import { byId, make, setText } from "./dom.js";
import { emit, on } from "./events.js";
import { linkedRegions } from "./link.js";
import { loadDueLists, newList } from "./lists.js";
import { dismissMessage } from "./messages.js";
import { session } from "./session.js";

/**
 * A region as the API lists it: its instances by state, or why they could not be counted.
 * @typedef {object} Region
 * @property {string} name
 * @property {Record<string, number>} [instances]
 * @property {{ Message: string }} [error]
 */

const SELECTION_ITEM = "ec2-control-api:regions";

/**
 * Returns the number of instances in a region.
 * @param {Region} region
 */
export function total(region) {
  return Object.values(region.instances ?? {}).reduce((sum, count) => sum + count, 0);
}

/**
 * Returns the counts of a region as text, such as "2 running, 1 stopped", or its error.
 * @param {Region} region
 */
function countsText(region) {
  if (region.error) return region.error.Message;
  const counts = Object.entries(region.instances ?? {});
  return counts.map(([state, count]) => `${count} ${state}`).join(", ") || "none";
}

/** Returns the checkboxes, or those that are checked. */
function checkboxes(checked = false) {
  /** @type {NodeListOf<HTMLInputElement>} */
  const boxes = byId("regions").querySelectorAll(checked ? "input:checked" : "input");
  return [...boxes];
}

/**
 * Returns the selection of the link, or that stored in this tab; without either, the regions that
 * have instances.
 * @param {Region[]} regions
 * @returns {string[]}
 */
function storedSelection(regions) {
  const linked = linkedRegions().filter((name) => regions.some((region) => region.name === name));
  if (linked.length) return linked;
  try {
    const stored = JSON.parse(sessionStorage.getItem(SELECTION_ITEM) ?? "null");
    if (stored) return stored;
  } catch {
    // Not written by this page.
  }
  return regions.filter(total).map((region) => region.name);
}

/** Forgets the selection stored in this tab. */
export function forgetSelection() {
  sessionStorage.removeItem(SELECTION_ITEM);
}

/** Loads the regions and draws their checkboxes, those with most instances first. */
export async function loadRegions() {
  const { value } = await callApi("regions");
  if (!session) return;
  /** @type {Region[]} */
  const regions = value;
  session.regions = regions;
  const selected = storedSelection(regions);
  const focused = checkboxes().find((box) => box === document.activeElement)?.value;
  clearRegions();
  const sorted = [...regions].sort((a, b) => total(b) - total(a) || a.name.localeCompare(b.name));
  for (const region of sorted) {
    const checked = selected.includes(region.name);
    const box = make("input", { type: "checkbox", value: region.name, checked });
    box.addEventListener("change", selectRegions);
    const counts = make("small", { className: "quiet" }, countsText(region));
    const label = make("label", {}, box, make("span", {}, region.name, " ", counts));
    byId("regions").append(label);
    if (box.value === focused) box.focus();
  }
  if (!selected.length) byId("region-box", HTMLDetailsElement).open = true;
}

/** Lists the regions whose checkboxes are checked, and stores the selection in this tab. */
export function selectRegions() {
  if (!session) return;
  const selected = checkboxes(true).map((box) => box.value);
  sessionStorage.setItem(SELECTION_ITEM, JSON.stringify(selected));
  const summary = selected.length ? `Regions: ${selected.join(", ")}` : "Regions: choose some";
  setText(byId("region-summary"), summary);
  for (const region of session.lists.keys()) {
    if (selected.includes(region)) continue;
    session.lists.delete(region);
    dismissMessage(`list ${region}`);
  }
  for (const region of selected) {
    if (!session.lists.has(region)) session.lists.set(region, newList(region));
  }
  emit("lists-changed");
  loadDueLists();
}

/**
 * Lists a region, too, if it is not listed yet.
 * @param {string} name
 */
export function addRegion(name) {
  const box = checkboxes().find((candidate) => candidate.value === name);
  if (!box || box.checked) return;
  box.checked = true;
  selectRegions();
}

/**
 * Lists these regions and no others, if the deployment has one of them.
 * @param {string[]} names
 */
export function showRegions(names) {
  if (!checkboxes().some((box) => names.includes(box.value))) return;
  for (const box of checkboxes()) box.checked = names.includes(box.value);
  selectRegions();
}

/** Opens the list of regions, and moves the focus there. */
export function openRegions() {
  byId("region-box", HTMLDetailsElement).open = true;
  (checkboxes()[0] ?? byId("region-summary")).focus();
}

function clearRegions() {
  for (const label of byId("regions").querySelectorAll("label")) label.remove();
}

on("signed-out", () => {
  clearRegions();
  byId("region-summary").textContent = "";
});
