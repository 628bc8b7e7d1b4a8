// @ts-check
// The schedules of the deployment, and calls that change them.

import { accountNameOf, placeText } from "./accounts.js";
import { ApiError, callApi } from "./api.js";
import { reportError } from "./errors.js";
import { emit } from "./events.js";
import { session } from "./session.js";

/** @import { Row } from "./instances.js" */

/**
 * A schedule as the API shows it, with a member `tag:KEY` for each tag of its instances.
 * @typedef {object} Schedule
 * @property {string} name
 * @property {string} [start]
 * @property {string} [stop]
 * @property {string} [reboot]
 * @property {string} [terminate]
 * @property {string} [days]
 * @property {string} [timezone]
 * @property {string} [start_date]
 * @property {string} [end_date]
 * @property {string[]} [skip]
 * @property {string} region_name
 * @property {string} [account]
 * @property {string[]} [instance_id]
 * @property {string[]} [client_tokens]
 * @property {number} [expect]
 * @property {boolean | "prefer"} [hibernate]
 * @property {boolean} [force]
 * @property {boolean} [skip_os_shutdown]
 * @property {boolean} enabled
 * @property {string} [description]
 * @property {{ authentication: string, name: string }} [owner]
 * @property {string} [updated]
 * @property {string} [acts_until]
 * @property {string[]} [incomplete]
 */

/** @typedef {"start" | "stop" | "reboot" | "terminate"} ScheduledAction */

/** @type {ScheduledAction[]} */
export const SCHEDULED = ["start", "stop", "reboot", "terminate"];

/** What is told if they can't be loaded. */
export const NOT_LOADED = "Loading the schedules did not work";

/** What a PUT does not take. */
const READ_ONLY = ["name", "owner", "updated", "acts_until", "incomplete"];

/** The number of the last load: what an earlier one receives later is stale. */
let lastScheduleLoad = 0;

/** Loads all schedules that the caller may see. */
export async function loadSchedules() {
  if (!session?.hasSchedules) return;
  const load = ++lastScheduleLoad;
  /** @type {Schedule[]} */
  const schedules = [];
  /** @type {string | null} */
  let token = null;
  do {
    const page = await callApi("schedules", token ? { next_token: token } : {});
    schedules.push(...page.value);
    token = page.next;
  } while (token);
  if (!session || load !== lastScheduleLoad) return;
  session.schedules = schedules;
  emit("schedules-changed");
}

/** Loads them after a change, which has worked whether this does or not. */
export async function reloadSchedules() {
  try {
    await loadSchedules();
  } catch (error) {
    reportError("schedules", NOT_LOADED, error);
  }
}

/**
 * The path of a schedule, or of what is done with it.
 * @param {string} name
 * @param {string} [verb]
 */
export function schedulePath(name, verb = "") {
  return `schedules/${encodeURIComponent(name)}${verb && `/${verb}`}`;
}

/**
 * Returns a schedule as it is kept now; null if there is none of the name.
 * @param {string} name
 * @returns {Promise<Schedule | null>}
 */
export async function currentSchedule(name) {
  try {
    return (await callApi(schedulePath(name))).value;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

/**
 * Refuses to go on if a schedule is not any more what the reader has seen.
 * @param {string} name
 * @param {Partial<Schedule>} seen
 */
export async function demandUnchanged(name, seen) {
  const now = await currentSchedule(name);
  if (now && now.updated === seen.updated && now.enabled === seen.enabled) return;
  await loadSchedules();
  const what = now ? "was changed" : "was deleted";
  throw new ApiError(`${name} ${what} in the meantime.`, "Nothing was done. Look at it again.");
}

/**
 * Writes a schedule, and loads all of them again.
 * @param {string} name
 * @param {Record<string, unknown>} definition
 * @returns {Promise<Schedule>} as it is now
 */
export async function putSchedule(name, definition) {
  const { value } = await callApi(schedulePath(name), {}, definition, { method: "PUT" });
  // Who writes a schedule is its owner.
  if (session) session.owner = ownerText(value);
  await reloadSchedules();
  return value;
}

/**
 * Throws the error that writing a schedule would have.
 * @param {string} name
 * @param {Record<string, unknown>} definition
 */
export async function tryToPut(name, definition) {
  await callApi(schedulePath(name), {}, { ...definition, dry_run: true }, { method: "PUT" });
}

/**
 * Names the owner of a schedule; empty if that is not known.
 * @param {Partial<Schedule>} schedule
 */
export function ownerText({ owner }) {
  return owner ? `${owner.name} (${owner.authentication})` : "";
}

/**
 * Says what writing a schedule does to its owner; empty if he is known to be the caller.
 * @param {Partial<Schedule>} schedule
 */
export function newOwnerText(schedule) {
  const owner = ownerText(schedule);
  if (!owner || owner === session?.owner) return "";
  return `Its owner is ${owner} now.`;
}

/**
 * Returns what a PUT takes to write a schedule as it is.
 * @param {Schedule} schedule
 */
export function definitionOf(schedule) {
  const members = Object.entries(schedule).filter(([member]) => !READ_ONLY.includes(member));
  return /** @type {Omit<Schedule, "name">} */ (Object.fromEntries(members));
}

/**
 * Returns the actions of a schedule with their times.
 * @param {Partial<Schedule>} schedule
 * @returns {{ action: ScheduledAction, expression: string }[]}
 */
export function actionsOf(schedule) {
  return SCHEDULED.flatMap((action) => {
    const expression = schedule[action];
    return expression ? [{ action, expression }] : [];
  });
}

/**
 * Returns the tags of the instances of a schedule.
 * @param {Schedule} schedule
 * @returns {[string, string][]}
 */
export function scheduledTags(schedule) {
  return Object.entries(schedule).flatMap(([member, value]) =>
    member.startsWith("tag:") ? [/** @type {[string, string]} */ ([member.slice(4), value])] : [],
  );
}

/**
 * Returns a function that says whether a schedule is about an instance, by its ID, name or tags;
 * the end of a launch, by the client token that EC2 keeps: a tag could be changed.
 * @param {Schedule} schedule
 * @returns {(row: Row) => boolean}
 */
export function matcherOf(schedule) {
  const { region_name: region, instance_id: named = [], client_tokens: tokens } = schedule;
  const account = accountNameOf(schedule.account);
  const tags = scheduledTags(schedule);
  return (row) => {
    if (row.region !== region || row.accountName !== account) return false;
    if (tokens) return tokens.includes(row.source["client-token"] ?? "");
    if (named.length)
      return named.includes(row.id) || (row.name !== "" && named.includes(row.name));
    return tags.length > 0 && tags.every(([key, value]) => row.source.tags?.[key] === value);
  };
}

/**
 * Says when the actions of a schedule happen, such as "start 08:00, stop 19:00 on MON-FRI".
 * @param {Schedule} schedule
 */
export function timesText(schedule) {
  const times = actionsOf(schedule).map(({ action, expression }) => `${action} ${expression}`);
  const { days, start_date, end_date, timezone } = schedule;
  const parts = [times.join(", ")];
  if (days) parts.push(`on ${days}`);
  if (start_date) parts.push(`from ${start_date}`);
  if (end_date) parts.push(`until ${end_date}`);
  parts.push(`(${timezone ?? "UTC"})`);
  return parts.join(" ");
}

/**
 * Says which instances a schedule is about.
 * @param {Schedule} schedule
 */
export function instancesText(schedule) {
  const tags = scheduledTags(schedule).map(([key, value]) => `${key}=${value}`);
  const rows = [...(session?.lists.values() ?? [])].flatMap((list) => list.rows);
  const named = (schedule.instance_id ?? []).map((id) => {
    const label = rows.find((row) => row.id === id)?.label;
    return label && label !== id ? `${label} (${id})` : id;
  });
  let which = named.join(", ");
  if (tags.length) which = `tagged ${tags.join(" and ")}`;
  if (schedule.client_tokens) {
    const labels = rows.filter(matcherOf(schedule)).map((row) => row.label);
    which = `those of one launch${labels.length ? ` (${labels.join(", ")})` : ""}`;
  }
  const name = accountNameOf(schedule.account);
  const place = placeText(schedule.region_name, name);
  const expected = schedule.expect === undefined ? "" : `, ${schedule.expect} expected`;
  return `${which} in ${place}${expected}`;
}

/**
 * Says what a schedule terminates, and when.
 * @param {Schedule} schedule
 */
export function terminationText(schedule) {
  const what = `The instances ${instancesText(schedule)} will be terminated, and gone for good.`;
  return `${what} All times: ${timesText(schedule)}.`;
}
