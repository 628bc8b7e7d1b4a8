// @ts-check
// The regions: how many instances they have, and which are selected.

import { accountQuery, accountText, chosenAccounts } from "./accounts.js";
import { ApiError, callApi } from "./api.js";
import { byId, make, setText } from "./dom.js";
import { reportError } from "./errors.js";
import { emit, on } from "./events.js";
import { linkedRegions } from "./link.js";
import { listTopic, loadDueLists, newList } from "./lists.js";
import { dismissMessage } from "./messages.js";
import { listKey, session } from "./session.js";

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

/**
 * Counts the instances of each region, of all chosen accounts together. An account that fails is
 * left out and named, unless all of them fail.
 * @returns {Promise<Region[]>}
 */
async function countInstances() {
  const accounts = chosenAccounts();
  const answers = await Promise.allSettled(
    accounts.map(async (account) => (await callApi("regions", accountQuery(account))).value),
  );
  const errors = answers.flatMap((answer) => (answer.status === "rejected" ? answer.reason : []));
  const fatal = errors.find((error) => !(error instanceof ApiError) || error.status === 401);
  if (fatal || (errors.length && errors.length === answers.length)) throw fatal ?? errors[0];
  /** @type {Map<string, Region>} */
  const regions = new Map();
  answers.forEach((answer, index) => {
    const account = accounts[index] ?? "";
    const topic = `regions ${account}`;
    if (answer.status === "rejected") {
      reportError(
        topic,
        `Counting the instances of ${accountText(account)} did not work`,
        answer.reason,
      );
      return;
    }
    dismissMessage(topic);
    for (const region of answer.value) addCounts(regions, region);
  });
  return [...regions.values()];
}

/**
 * @param {Map<string, Region>} regions
 * @param {Region} added the region of another account
 */
function addCounts(regions, { name, instances = {}, error }) {
  const region = regions.get(name) ?? { name, instances: {} };
  for (const [state, count] of Object.entries(instances)) {
    region.instances = { ...region.instances, [state]: (region.instances?.[state] ?? 0) + count };
  }
  region.error ??= error;
  regions.set(name, region);
}

/** The number of the last load of regions: what an earlier one receives later is stale. */
let lastLoad = 0;

/**
 * Loads the regions and draws their checkboxes, those with most instances first. Returns whether
 * they are those of the accounts that are chosen. Without an account the regions stay.
 */
export async function loadRegions() {
  const load = ++lastLoad;
  if (!chosenAccounts().length) return true;
  const regions = await countInstances();
  if (!session || load !== lastLoad) return false;
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
  return true;
}

/** Lists the regions whose checkboxes are checked, and stores the selection in this tab. */
export function selectRegions() {
  if (!session) return;
  const selected = checkboxes(true).map((box) => box.value);
  const accounts = chosenAccounts();
  // Without an account, or if the regions could not be loaded, the stored selection is still meant.
  if (accounts.length && checkboxes().length) {
    sessionStorage.setItem(SELECTION_ITEM, JSON.stringify(selected));
  }
  const summary = selected.length ? `Regions: ${selected.join(", ")}` : "Regions: choose some";
  setText(byId("region-summary"), summary);
  for (const [key, list] of session.lists) {
    if (selected.includes(list.region) && accounts.includes(list.account)) continue;
    session.lists.delete(key);
    dismissMessage(listTopic(list));
  }
  for (const region of selected) {
    for (const account of accounts) {
      const key = listKey(region, account);
      if (!session.lists.has(key)) session.lists.set(key, newList(region, account));
    }
  }
  emit("lists-changed");
  loadDueLists();
}

/** Counts the instances of the listed regions anew: their lists are newer than the counts. */
function recountListed() {
  const lists = session ? [...session.lists.values()] : [];
  for (const region of session?.regions ?? []) {
    const own = lists.filter((list) => list.region === region.name);
    if (!own.length || !own.every((list) => list.loaded)) continue;
    /** @type {Record<string, number>} */
    const instances = {};
    for (const { state } of own.flatMap((list) => list.rows)) {
      instances[state] = (instances[state] ?? 0) + 1;
    }
    region.instances = instances;
    const label = checkboxes()
      .find((box) => box.value === region.name)
      ?.closest("label");
    const counts = label?.querySelector("small");
    if (counts) setText(counts, countsText(region));
  }
}

/**
 * Lists a region, too, if it is not listed yet.
 * @param {string} name
 */
export function addRegion(name) {
  const box = checkboxes().find((candidate) => candidate.value === name);
  if (!box || box.checked) return;
  // The choice is made: on a phone it would stand between the form and the list.
  const isFirst = !checkboxes().some((candidate) => candidate.checked);
  if (isFirst) byId("region-box", HTMLDetailsElement).open = false;
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

/**
 * Fills a choice of one region. What was chosen stays.
 * @param {string} id of the element
 * @param {string} [first] selected at first
 */
export function drawRegionOptions(id, first) {
  const select = byId(id, HTMLSelectElement);
  const chosen = select.value || first;
  const names = (session?.regions ?? []).map((region) => region.name).sort();
  select.replaceChildren(...names.map((name) => make("option", { value: name }, name)));
  if (chosen && names.includes(chosen)) select.value = chosen;
}

/** Opens the list of regions, and moves the focus there. */
export function openRegions() {
  byId("region-box", HTMLDetailsElement).open = true;
  (checkboxes()[0] ?? byId("region-summary")).focus();
}

/** Lists the regions of the accounts that are chosen now. */
export async function reloadRegions() {
  selectRegions();
  try {
    if (!(await loadRegions())) return;
    dismissMessage("regions");
    selectRegions();
  } catch (error) {
    reportError("regions", "Counting the instances of the regions did not work", error);
  }
}

function clearRegions() {
  for (const label of byId("regions").querySelectorAll("label")) label.remove();
}

on("accounts-changed", reloadRegions);
addEventListener("online", () => {
  if (session && !session.regions.length) reloadRegions();
});
on("lists-changed", recountListed);
on("signed-out", () => {
  clearRegions();
  byId("region-summary").textContent = "";
});
