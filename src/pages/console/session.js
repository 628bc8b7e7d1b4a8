// @ts-check
// The session: the key and everything loaded with it. It ends with signing out.

import { emit } from "./events.js";

/** @import { Account } from "./accounts.js" */
/** @import { Region } from "./regions.js" */
/** @import { Row } from "./instances.js" */
/** @import { Schedule } from "./schedule-store.js" */
/** @import { Permission } from "./permissions.js" */
/** @import { Limits } from "./launch-limits.js" */

/**
 * The instances of one region, of one account or of all.
 * @typedef {object} RegionList
 * @property {string} region
 * @property {string} account its name; empty: the function's own; `all`
 * @property {Row[]} rows
 * @property {boolean} loaded whether all pages were received once
 * @property {boolean} loading
 * @property {Date} [loadedAt]
 * @property {number} dueAt when to load again, in ms since the epoch
 * @property {number} changedAt when this page last changed an instance, in ms since the epoch
 * @property {number} watchUntil end of the fast polling after a change, in ms since the epoch
 */

/**
 * @typedef {object} Session
 * @property {string} key
 * @property {AbortController} abort aborts requests when the session ends
 * @property {Account[]} accounts the function's own first
 * @property {boolean} knowsAccounts whether the accounts could be listed
 * @property {boolean} hasChosen whether an account is chosen: else nothing is listed
 * @property {Region[]} regions
 * @property {Limits | null} limits once they were loaded
 * @property {boolean} hasSchedules whether the deployment has schedules
 * @property {Schedule[] | null} schedules once they were loaded
 * @property {string} owner the caller as the owner of schedules; empty before one was written
 * @property {Map<string, RegionList>} lists by `listKey`
 * @property {Map<string, Permission>} permissions by instance ID
 * @property {Map<string, string>} running title of the running action, by instance ID
 * @property {Map<string, { looks: number, wasPending: boolean }>} awaited instances that are to run
 * @property {number} [loadTimer]
 * @property {number} [permissionTimer]
 */

const KEY_ITEM = "ec2-control-api:key";

/** @type {Session | null} */
export let session = null;

/**
 * Starts a session. The key is stored only by `storeKey`.
 * @param {string} key
 */
export function startSession(key) {
  session = {
    key,
    abort: new AbortController(),
    accounts: [],
    knowsAccounts: true,
    hasChosen: true,
    regions: [],
    limits: null,
    hasSchedules: false,
    schedules: null,
    owner: "",
    lists: new Map(),
    permissions: new Map(),
    running: new Map(),
    awaited: new Map(),
  };
}

/**
 * The key of a list in `session.lists`.
 * @param {string} region
 * @param {string} account
 */
export function listKey(region, account) {
  return `${region} ${account}`;
}

/**
 * Returns the list that has the instances of this region and account.
 * @param {string} region
 * @param {string} account
 */
export function listFor(region, account) {
  const lists = session?.lists;
  return lists?.get(listKey(region, account)) ?? lists?.get(listKey(region, "all"));
}

/** Returns the regions that are listed. */
export function listedRegions() {
  const lists = session ? [...session.lists.values()] : [];
  return [...new Set(lists.map((list) => list.region))];
}

/**
 * Returns rows in parts, each of one region and account.
 * @param {Row[]} rows
 */
export function byPlace(rows) {
  /** @type {Map<string, Row[]>} */
  const parts = new Map();
  for (const row of rows) {
    const key = listKey(row.region, row.accountName);
    parts.set(key, [...(parts.get(key) ?? []), row]);
  }
  return [...parts.values()];
}

/** Returns the accounts that are listed, by name. */
export function listedAccounts() {
  const lists = session ? [...session.lists.values()] : [];
  return [...new Set(lists.map((list) => list.account))];
}

/** Ends the session: aborts its requests and stops its timers. */
export function endSession() {
  session?.abort.abort();
  clearTimeout(session?.loadTimer);
  clearTimeout(session?.permissionTimer);
  session = null;
}

/** Ends the session, forgets the stored key and clears the page. */
export function signOut() {
  endSession();
  sessionStorage.removeItem(KEY_ITEM);
  emit("signed-out");
}

/** Returns the key stored in this tab. */
export function storedKey() {
  return sessionStorage.getItem(KEY_ITEM);
}

/**
 * Stores the key in this tab.
 * @param {string} key
 */
export function storeKey(key) {
  sessionStorage.setItem(KEY_ITEM, key);
}
