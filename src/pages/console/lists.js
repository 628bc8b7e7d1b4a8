// @ts-check
// Loads the instances of the selected regions, and polls them.

import { accountQuery, hasAccounts, placeText } from "./accounts.js";
import { ApiError, callApi, FIELDS } from "./api.js";
import { checkAwaited } from "./awaited.js";
import { reportError } from "./errors.js";
import { emit } from "./events.js";
import { toRow } from "./instances.js";
import { announce, dismissMessage } from "./messages.js";
import { listFor, listKey, session } from "./session.js";

/** @import { ApiInstance, Row } from "./instances.js" */
/** @import { RegionList } from "./session.js" */

/** While something changes, in ms. */
const FAST_POLL_INTERVAL = 2_000;
/** In ms. */
const SLOW_POLL_INTERVAL = 30_000;
/**
 * How long to poll fast after an action, in ms: some changes, such as a reboot, have no state.
 */
const WATCH_TIME = 20_000;

const TRANSITIONAL_STATES = new Set(["pending", "stopping", "shutting-down"]);

/**
 * Returns the list of a region, not loaded yet.
 * @param {string} region
 * @param {string} account
 * @returns {RegionList}
 */
export function newList(region, account) {
  const rows = /** @type {Row[]} */ ([]);
  const times = { dueAt: 0, changedAt: 0, watchUntil: 0 };
  return { region, account, rows, loaded: false, loading: false, ...times };
}

/** Loads the lists that are due, and sets a timer for the next one. Pauses in a hidden tab. */
export function loadDueLists() {
  if (!session) return;
  clearTimeout(session.loadTimer);
  if (document.hidden) return; // resumed by visibilitychange
  let next = Number.POSITIVE_INFINITY;
  for (const list of session.lists.values()) {
    if (list.loading) continue;
    if (list.dueAt <= Date.now()) loadList(list);
    else next = Math.min(next, list.dueAt);
  }
  if (next < Number.POSITIVE_INFINITY) {
    session.loadTimer = setTimeout(loadDueLists, next - Date.now());
  }
}

/**
 * Loads the list of a region again, and polls it fast for a while: something there has changed.
 * @param {string} region
 * @param {string} account
 */
export function watchList(region, account) {
  const list = listFor(region, account);
  if (!list) return;
  list.changedAt = Date.now();
  list.watchUntil = Date.now() + WATCH_TIME;
  list.dueAt = Date.now() + FAST_POLL_INTERVAL;
  loadDueLists();
}

/** Loads all lists and permissions again. */
export function reloadLists() {
  if (!session) return;
  for (const list of session.lists.values()) list.dueAt = 0;
  session.permissions.clear();
  loadDueLists();
}

/**
 * Loads a list, and schedules its next load.
 * @param {RegionList} list
 */
async function loadList(list) {
  const topic = listTopic(list);
  const startedAt = Date.now();
  list.loading = true;
  const statesBefore = new Map(list.rows.map((row) => [row.id, row.state]));
  let delay = SLOW_POLL_INTERVAL;
  try {
    const rows = await loadPages(list);
    dismissMessage(topic);
    if (list.changedAt > startedAt) {
      delay = 0; // the response may be older than the change
    } else {
      list.rows = rows;
      if (list.loaded) announceChanges(rows, statesBefore);
      list.loaded = true;
      checkAwaited(rows);
      list.loadedAt = new Date();
      const changing = rows.some((row) => TRANSITIONAL_STATES.has(row.state));
      if (changing || list.watchUntil > Date.now()) {
        delay = Math.max(FAST_POLL_INTERVAL, 4 * (Date.now() - startedAt));
      }
    }
  } catch (error) {
    const place = placeText(list.region, list.account);
    reportError(topic, `Listing ${place} did not work`, error);
    if (!session) return;
    delay = Math.max(SLOW_POLL_INTERVAL, error instanceof ApiError ? error.retryAfter : 0);
  } finally {
    list.loading = false;
    list.dueAt = Date.now() + delay;
  }
  if (!isCurrent(list)) return;
  emit("lists-changed");
  loadDueLists();
}

/**
 * The topic of the messages about a list.
 * @param {RegionList} list
 */
export function listTopic({ region, account }) {
  return `list ${listKey(region, account)}`;
}

/**
 * Loads all pages of a list. The first time, each page is shown as it arrives.
 * @param {RegionList} list
 */
async function loadPages(list) {
  const { region, account } = list;
  const accounts = session?.accounts ?? [];
  const fields = hasAccounts() ? `${FIELDS},account` : FIELDS;
  /** @type {Row[]} */
  const rows = [];
  /** @type {string | null} */
  let token = null;
  do {
    /** @type {Record<string, string>} */
    const query = { region_name: region, ...accountQuery(account), fields };
    if (token) query.next_token = token;
    const page = await callApi("ec2/list", query);
    /** @type {ApiInstance[]} */
    const instances = page.value;
    for (const instance of instances) rows.push(toRow(region, instance, account, accounts));
    token = page.next;
    if (token && !list.loaded && isCurrent(list)) {
      list.rows = rows.slice();
      emit("lists-changed");
    }
  } while (token);
  return rows;
}

/**
 * Whether the list belongs to the session and its region is still selected.
 * @param {RegionList} list
 */
function isCurrent(list) {
  return session?.lists.get(listKey(list.region, list.account)) === list;
}

/**
 * Announces which states have changed.
 * @param {Row[]} rows
 * @param {Map<string, string>} statesBefore by instance ID
 */
function announceChanges(rows, statesBefore) {
  const changed = rows.filter((row) => {
    const before = statesBefore.get(row.id);
    return before !== undefined && before !== row.state;
  });
  if (changed.length > 3) announce(`${changed.length} instances have changed their state.`);
  else if (changed.length) {
    announce(changed.map((row) => `${row.label} is ${row.state}.`).join(" "));
  }
}

document.addEventListener("visibilitychange", loadDueLists);
addEventListener("online", reloadLists);
