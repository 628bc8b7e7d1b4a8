// @ts-check
// The panel of schedules: what there is, and what can be done with it.

import { callApi } from "./api.js";
import { confirmed } from "./confirm.js";
import { byId, make, onEscape, replaceContent, setAttribute, setText } from "./dom.js";
import { reportError } from "./errors.js";
import { emit, on } from "./events.js";
import { localTime } from "./instances.js";
import { reloadLists } from "./lists.js";
import { announce, dismissMessage, showMessage } from "./messages.js";
import { shownSchedules } from "./schedule-filter.js";
import { openScheduleForm } from "./schedule-form.js";
import {
  actionsOf,
  currentSchedule,
  definitionOf,
  demandUnchanged,
  instancesText,
  loadSchedules,
  NOT_LOADED,
  newOwnerText,
  ownerText,
  putSchedule,
  reloadSchedules,
  schedulePath,
  terminationText,
  timesText,
} from "./schedule-store.js";
import { nextText } from "./schedule-times.js";
import { chosenRows } from "./selection.js";
import { byPlace, session } from "./session.js";

/** @import { Schedule, ScheduledAction } from "./schedule-store.js" */

const TOPIC = "schedules";

/**
 * The drawn schedules by name, with the texts that they were drawn from.
 * @type {Map<string, { item: HTMLElement, content: string }>}
 */
const drawnSchedules = new Map();

async function openSchedules() {
  byId("schedules").hidden = false;
  setAttribute(byId("schedules-open"), "aria-expanded", true);
  byId("schedules-title").focus();
  await refreshSchedules();
}

function closeSchedules() {
  byId("schedules").hidden = true;
  setAttribute(byId("schedules-open"), "aria-expanded", false);
  byId("schedules-open").focus();
}

async function refreshSchedules() {
  if (!session?.schedules) setText(byId("schedules-none"), "Loading.");
  await attempt(NOT_LOADED, loadSchedules);
  drawSchedules();
}

/**
 * Does something with schedules, and reports an error. Returns whether it worked, and was not
 * declined.
 * @param {string} failure what did not work, as the start of a sentence
 * @param {() => Promise<unknown>} act returns false if it was declined
 */
async function attempt(failure, act) {
  try {
    const done = await act();
    dismissMessage(TOPIC);
    return done !== false;
  } catch (error) {
    reportError(TOPIC, failure, error);
    return false;
  }
}

/**
 * Draws the schedules. One that has not changed keeps its elements, and what was typed there, also
 * while it is not shown.
 */
function drawSchedules() {
  const schedules = session?.schedules ?? [];
  const shown = new Set(shownSchedules());
  const names = new Set(schedules.map(({ name }) => name));
  for (const [name, { item }] of drawnSchedules) {
    if (names.has(name)) continue;
    if (item.contains(document.activeElement)) byId("schedules-title").focus();
    item.remove();
    drawnSchedules.delete(name);
  }
  const list = byId("schedule-list");
  schedules.forEach((schedule, index) => {
    const next = actionsOf(schedule).map(({ expression }) => nextText(schedule, expression));
    const content = JSON.stringify([schedule, next, instancesText(schedule)]);
    const drawn = drawnSchedules.get(schedule.name);
    const item = drawn?.item ?? make("li", {});
    if (drawn?.content !== content && replaceContent(item, ...contentOf(schedule))) {
      item.querySelector("h3")?.focus();
    }
    drawnSchedules.set(schedule.name, { item, content });
    item.hidden = !shown.has(schedule) && !item.contains(document.activeElement);
    // An element that is moved loses the focus.
    const place = list.children[index] ?? null;
    if (place !== item) list.insertBefore(item, place);
  });
  setText(byId("schedules-none"), shown.size ? "" : noneText());
  byId("schedules-none").hidden = shown.size > 0;
}

/** Says why no schedule is shown. */
function noneText() {
  if (!session?.schedules) return "They could not be loaded: refresh to try again.";
  return session.schedules.length
    ? "None is about an instance in the list."
    : "None yet, as far as your key may see. Make one, or choose instances in the list first.";
}

/**
 * Returns the elements of a schedule.
 * @param {Schedule} schedule
 */
function contentOf(schedule) {
  const { name, enabled, skip = [], incomplete = [] } = schedule;
  const actions = actionsOf(schedule);
  const next = actions.map(
    ({ action, expression }) => `${action} ${nextText(schedule, expression)}`,
  );
  /** @type {[string, string][]} */
  const facts = [
    ["When", timesText(schedule)],
    ["Next", enabled ? next.join("; ") : "nothing: it is disabled"],
    ["Instances", instancesText(schedule)],
    ["Skips", skip.join(", ")],
    ["Owner", ownerText(schedule)],
    ["Acts until", schedule.acts_until ? localTime(schedule.acts_until) : ""],
    ["Incomplete", incomplete.length ? `${incomplete.join(", ")}: save or delete it` : ""],
    ["Description", schedule.description ?? ""],
  ];
  const terms = facts
    .filter(([, value]) => value)
    .flatMap(([title, value]) => [make("dt", {}, title), make("dd", {}, value)]);
  const buttons = actions.map(({ action }) =>
    newButton(schedule, `${titleOf(action)} now`, () => runNow(schedule, action)),
  );
  const toggle = enabled ? "Disable" : "Enable";
  buttons.push(newButton(schedule, toggle, () => setEnabled(schedule, !enabled)));
  // The end of a launch can't be written: its instances are known by that launch only.
  if (!schedule.client_tokens) {
    buttons.unshift(newButton(schedule, "Change", () => openScheduleForm(schedule)));
  }
  buttons.push(newButton(schedule, "Delete", () => deleteSchedule(schedule)));
  const heading = make("h3", { tabIndex: -1 }, name);
  if (!enabled) heading.append(make("span", { className: "quiet" }, " disabled"));
  /** @type {HTMLElement[]} */
  const parts = [heading, make("dl", {}, ...terms), make("div", { className: "row" }, ...buttons)];
  const isOnce = actions.every(({ expression }) => expression.startsWith("at("));
  if (!schedule.client_tokens && !isOnce) parts.push(skipForm(schedule));
  return parts;
}

/**
 * @param {string} action
 */
function titleOf(action) {
  return action.charAt(0).toUpperCase() + action.slice(1);
}

/**
 * @param {Schedule} schedule
 * @param {string} title
 * @param {() => void} act
 */
function newButton({ name }, title, act) {
  const button = make("button", { type: "button", "aria-label": `${title}: ${name}` }, title);
  button.addEventListener("click", act);
  return button;
}

/**
 * Returns the form that skips a day.
 * @param {Schedule} schedule
 */
function skipForm(schedule) {
  const { name } = schedule;
  const day = make("input", { type: "date", required: true, "aria-label": `Day to skip: ${name}` });
  const button = make("button", { "aria-label": `Skip the day: ${name}` }, "Skip the day");
  const form = make("form", { className: "row skip-day" }, day, button);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    skipDay(name, day.value);
  });
  return form;
}

/**
 * Skips a day of a schedule, as it is kept now: another person may have changed it.
 * @param {string} name
 * @param {string} day
 */
async function skipDay(name, day) {
  let skips = false;
  await attempt(`Skipping ${day} did not work`, async () => {
    /** @type {{ value: Schedule }} */
    const { value } = await callApi(schedulePath(name));
    const owner = newOwnerText(value);
    const text = `${owner} Whoever saves a schedule becomes its owner: it acts with your rights then.`;
    const question = { title: `Let ${name} skip ${day}?`, text, button: "Skip it" };
    if (owner && !(await confirmed(question))) return;
    if (owner) await demandUnchanged(name, value);
    const skip = [...new Set([...(value.skip ?? []), day])].sort();
    await putSchedule(name, { ...definitionOf(value), skip });
    skips = true;
  });
  if (skips) announce(`${name} skips ${day}.`);
}

/**
 * @param {Schedule} schedule
 * @param {boolean} enabled
 */
async function setEnabled({ name }, enabled) {
  const verb = enabled ? "enable" : "disable";
  const failure = `${titleOf(verb)} ${name} did not work`;
  if (enabled && !(await enablingConfirmed(name, failure))) return;
  const done = await attempt(failure, async () => {
    await callApi(schedulePath(name, verb), {}, {});
  });
  if (!done) return;
  await reloadSchedules();
  announce(`${name} is ${verb}d.`);
}

/**
 * Asks before a schedule is enabled that terminates instances. Returns whether it may be.
 * @param {string} name
 * @param {string} failure
 */
async function enablingConfirmed(name, failure) {
  return await attempt(failure, async () => {
    const schedule = await currentSchedule(name);
    if (!schedule?.terminate) return true;
    const text = terminationText(schedule);
    if (!(await confirmed({ title: `Enable ${name}?`, text, button: "Enable it", word: name })))
      return false;
    await demandUnchanged(name, schedule);
    return true;
  });
}

/**
 * @param {Schedule} schedule
 */
async function deleteSchedule(schedule) {
  const { name } = schedule;
  const yes = await confirmed({
    title: `Delete ${name}?`,
    text: `Its actions will not happen any more: ${timesText(schedule)}, ${instancesText(schedule)}.`,
    button: "Delete",
  });
  if (!yes) return;
  const done = await attempt(`Deleting ${name} did not work`, async () => {
    await callApi(schedulePath(name), {}, null, { method: "DELETE" });
  });
  if (!done) return;
  await reloadSchedules();
  announce(`${name} is deleted.`);
}

/**
 * Does an action of a schedule now, after a confirmation.
 * @param {Schedule} schedule
 * @param {ScheduledAction} action
 */
async function runNow({ name }, action) {
  const title = titleOf(action);
  const failure = `${title} by ${name} did not work`;
  // What is confirmed is what the schedule says now.
  /** @type {Schedule | null} */
  let schedule = null;
  await attempt(failure, async () => {
    schedule = await currentSchedule(name);
    await loadSchedules();
  });
  if (!schedule) return;
  const gone = action === "terminate" ? " They will be gone for good." : "";
  const yes = await confirmed({
    title: `${title} now, as ${name} would?`,
    text: `This is about the instances ${instancesText(schedule)}.${gone}`,
    button: title,
    word: action === "terminate" ? name : "",
  });
  if (!yes) return;
  const seen = schedule;
  const done = await attempt(failure, async () => {
    await demandUnchanged(name, seen);
    const { value } = await callApi(schedulePath(name, "run"), {}, { action });
    /** @type {{ InstanceId: string, Error?: { Code: string, Message: string } }[]} */
    const results = Array.isArray(value) ? value : [value];
    showMessage(`run ${name}`, "warning", runText(title, name, results));
  });
  if (!done) return;
  announce(`${title} by ${name} is done.`);
  reloadLists();
  await attempt(NOT_LOADED, loadSchedules);
}

/**
 * Says what has become of the instances.
 * @param {string} title
 * @param {string} name
 * @param {{ InstanceId: string, Error?: { Code: string, Message: string } }[]} results
 */
function runText(title, name, results) {
  const failed = results.filter((result) => result.Error);
  const reasons = failed.map(({ InstanceId, Error: error }) => `${InstanceId}: ${error?.Message}`);
  const done = `${results.length - failed.length} of ${results.length} accepted`;
  return [
    `${title} by ${name}: ${results.length ? done : "no instance is meant now"}`,
    ...reasons,
  ].join("; ");
}

/** Opens the form for the chosen instances, if one schedule can be about all of them. */
function scheduleChosen() {
  const parts = byPlace(chosenRows());
  const [rows] = parts;
  if (parts.length !== 1 || !rows) {
    const text = "A schedule is about one region and account: choose instances of one only.";
    showMessage(TOPIC, "error", text);
    return;
  }
  setAttribute(byId("schedules-open"), "aria-expanded", true);
  openScheduleForm(null, rows);
  refreshSchedules();
}

byId("schedules-open").addEventListener("click", () => {
  if (byId("schedules").hidden) openSchedules();
  else closeSchedules();
});
byId("schedules-close").addEventListener("click", closeSchedules);
onEscape(byId("schedules"), closeSchedules);
byId("schedules-new").addEventListener("click", () => openScheduleForm(null));
byId("bulk-schedule").addEventListener("click", scheduleChosen);
byId("refresh").addEventListener("click", () => {
  if (!byId("schedules").hidden) refreshSchedules();
});
on("schedules-changed", drawSchedules);
// Names of instances may have changed, and what was next may have happened.
on("lists-changed", () => {
  if (session?.schedules && !byId("schedules").hidden) drawSchedules();
});
on("offer-changed", () => {
  const offered = Boolean(session?.hasSchedules);
  byId("schedules-open").hidden = !offered;
  byId("bulk-schedule").hidden = !offered;
  emit("rows-changed");
  if (offered && !byId("schedules").hidden) refreshSchedules();
});
on("signed-out", () => {
  byId("schedules-open").hidden = true;
  byId("bulk-schedule").hidden = true;
  byId("schedule-list").replaceChildren();
  drawnSchedules.clear();
});
on("forgotten", () => {
  byId("schedules").hidden = true;
  setAttribute(byId("schedules-open"), "aria-expanded", false);
});
