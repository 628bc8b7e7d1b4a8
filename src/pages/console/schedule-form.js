// @ts-check
// The form that makes and changes schedules.

import { accountNameOf, drawAccountOptions } from "./accounts.js";
import { ApiError, curlCommand } from "./api.js";
import { copyText } from "./clipboard.js";
import { confirmed } from "./confirm.js";
import { byId, make, restoreFocus, setAttribute, setText } from "./dom.js";
import { advise, reportError } from "./errors.js";
import { on } from "./events.js";
import {
  clearFieldErrors,
  field,
  forgetErrorsOnInput,
  showFieldError,
  tagLine,
  tagsOf,
  textOf,
} from "./fields.js";
import { announce, showMessage } from "./messages.js";
import { drawRegionOptions } from "./regions.js";
import { revealSchedule } from "./schedule-filter.js";
import {
  actionsOf,
  currentSchedule,
  definitionOf,
  demandUnchanged,
  newOwnerText,
  putSchedule,
  reloadSchedules,
  SCHEDULED,
  scheduledTags,
  schedulePath,
  terminationText,
  tryToPut,
} from "./schedule-store.js";
import { isZone, nextText, READER_ZONE, wallTime } from "./schedule-times.js";
import { session } from "./session.js";

/** @import { FormFields } from "./fields.js" */
/** @import { Row } from "./instances.js" */
/** @import { Schedule } from "./schedule-store.js" */

/** @type {FormFields} */
const SCHEDULE_FIELDS = {
  "schedule-name": ["name"],
  "schedule-region": ["region_name"],
  "schedule-account": ["account"],
  "schedule-instances": ["instance_id"],
  "schedule-tags": ["tag:"],
  "schedule-start": ["start"],
  "schedule-stop": ["stop"],
  "schedule-reboot": ["reboot"],
  "schedule-terminate": ["terminate"],
  "schedule-days": ["days"],
  "schedule-zone": ["timezone"],
  "schedule-first": ["start_date"],
  "schedule-last": ["end_date"],
  "schedule-skip": ["skip"],
  "schedule-expect": ["expect"],
  "schedule-hibernate": ["hibernate"],
  "schedule-description": ["description"],
};

/** @type {FormFields} */
const SCHEDULE_CODES = { "schedule-name": ["ScheduleExists", "TooManySchedules"] };

const DAYS = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];

/** The types of the fields of times, by the kind that is chosen. */
const KINDS = { days: "time", once: "datetime-local", expression: "text" };

/** Until the end that is suggested, in ms. */
const END_DELAY = 8 * 3_600_000;

const scheduleForm = byId("schedule-form", HTMLFormElement);

/**
 * `base` is the schedule that is changed, whose other members stay; empty for a new one. `tags` are
 * those that the field of tags may have without being typed.
 * @typedef {{ tags: [string, string][], opener: Element | null, saving: boolean }} Editing
 * @type {{ base: Partial<Schedule> } & Editing}
 */
const editing = { base: {}, tags: [], opener: null, saving: false };

const dayBoxes = DAYS.map((day) => make("input", { type: "checkbox", value: day }));
byId("schedule-days").append(
  ...dayBoxes.map((box) =>
    make("label", {}, box, `${box.value.charAt(0)}${box.value.slice(1).toLowerCase()}`),
  ),
);

/** Returns the chosen kind of times. */
function kind() {
  const chosen = new FormData(scheduleForm).get("schedule-kind");
  return /** @type {keyof typeof KINDS} */ (chosen ?? "days");
}

/**
 * Opens the form for a schedule, or for a new one, perhaps of these instances.
 * @param {Schedule | null} schedule
 * @param {Row[]} [rows] of one region and account
 * @param {boolean} [isEnd] whether their end is meant: a stop once, in some hours
 */
export function openScheduleForm(schedule, rows = [], isEnd = false) {
  if (editing.saving) return;
  Object.assign(editing, { base: schedule ?? {}, opener: document.activeElement });
  scheduleForm.reset();
  clearFieldErrors(SCHEDULE_FIELDS);
  sayScheduleStatus("");
  setText(byId("schedule-title"), schedule ? `Change ${schedule.name}` : "New schedule");
  field("schedule-name").toggleAttribute("readonly", Boolean(schedule));
  drawZones();
  const [list] = session?.lists.values() ?? [];
  const [row] = rows;
  byId("schedule-region").replaceChildren();
  byId("schedule-account").replaceChildren();
  const region = schedule?.region_name ?? row?.region ?? list?.region;
  drawRegionOptions("schedule-region", region ?? session?.limits?.DefaultRegion);
  const account = schedule ? accountNameOf(schedule.account) : (row?.accountName ?? list?.account);
  drawAccountOptions("schedule-account", account);
  fillTimes(schedule);
  if (isEnd) fillEnd();
  field("schedule-zone").value = schedule ? (schedule.timezone ?? "UTC") : READER_ZONE;
  field("schedule-name").value = schedule?.name ?? suggestedName(rows, isEnd ? "end-" : "");
  field("schedule-instances").value = (schedule?.instance_id ?? rows.map((row) => row.id)).join(
    "\n",
  );
  const tags = schedule ? scheduledTags(schedule) : [];
  editing.tags = [...tags, ...commonTags(rows)];
  field("schedule-tags").value = tags.map(tagLine).join("\n");
  field("schedule-first").value = schedule?.start_date ?? "";
  field("schedule-last").value = schedule?.end_date ?? "";
  field("schedule-skip").value = (schedule?.skip ?? []).join(", ");
  field("schedule-expect").value = String(schedule?.expect ?? "");
  field("schedule-hibernate").value = String(schedule?.hibernate ?? "");
  field("schedule-description").value = schedule?.description ?? "";
  offerTags(rows);
  setText(byId("schedule-owner"), schedule ? newOwnerText(schedule) : "");
  byId("schedules").hidden = false;
  setAttribute(byId("schedules-open"), "aria-expanded", true);
  if (!session?.schedules) reloadSchedules();
  scheduleForm.hidden = false;
  drawSchedule();
  const first = isEnd ? "schedule-stop" : schedule ? "schedule-start" : "schedule-name";
  field(first).focus();
}

/**
 * Returns a name for a schedule of one instance that no other has.
 * @param {Row[]} rows
 * @param {string} prefix
 */
function suggestedName(rows, prefix) {
  const [row] = rows;
  if (!row || rows.length > 1) return "";
  const name = `${prefix}${row.label.replace(/[^A-Za-z0-9_-]+/g, "-")}`.slice(0, 44);
  const taken = new Set(session?.schedules?.map((schedule) => schedule.name));
  let suggested = name;
  for (let number = 2; taken.has(suggested); number++) suggested = `${name}-${number}`;
  return suggested;
}

/** Fills the form with a stop, once, in some hours. */
function fillEnd() {
  byId("schedule-kind-once", HTMLInputElement).checked = true;
  changeKind();
  const { date, time } = wallTime(Date.now() + END_DELAY, READER_ZONE);
  field("schedule-stop").value = `${date}T${time}`;
}

/**
 * Fills the times, the days and the kind.
 * @param {Schedule | null} schedule
 */
function fillTimes(schedule) {
  const times = schedule ? actionsOf(schedule).map(({ expression }) => expression) : [];
  const isDaily = times.every(isTimeOfDay);
  const isOnce = times.length > 0 && times.every((time) => time.startsWith("at("));
  const chosen = isOnce ? "once" : isDaily ? "days" : "expression";
  byId(`schedule-kind-${chosen}`, HTMLInputElement).checked = true;
  changeKind();
  typedTimes.clear();
  for (const action of SCHEDULED) {
    const time = schedule?.[action] ?? "";
    field(`schedule-${action}`).value = isOnce ? time.slice(3, -1) : time;
  }
  const days = daysOf(schedule ? schedule.days : "MON-FRI");
  for (const box of dayBoxes) box.checked = days.includes(box.value);
}

/**
 * Returns the days of a list such as MON-FRI or MON,WED.
 * @param {string} [text]
 */
function daysOf(text) {
  if (!text) return DAYS;
  return text.split(",").flatMap((item) => {
    const [first = 0, last = first] = item.split("-").map((day) => DAYS.indexOf(day));
    return last < first
      ? [...DAYS.slice(first), ...DAYS.slice(0, last + 1)]
      : DAYS.slice(first, last + 1);
  });
}

/** Returns the chosen days as the API takes them; empty: every day. */
function daysText() {
  const chosen = dayBoxes.filter((box) => box.checked).map((box) => box.value);
  if (!chosen.length || chosen.length === DAYS.length) return "";
  const first = DAYS.indexOf(chosen[0] ?? "");
  const isRange =
    chosen.length > 2 && DAYS.slice(first, first + chosen.length).join() === chosen.join();
  // Scheduler's week begins with SUN.
  return isRange && !chosen.includes("SUN") ? `${chosen[0]}-${chosen.at(-1)}` : chosen.join();
}

/**
 * The texts of the times by kind: a browser empties a field whose type they do not fit.
 * @type {Map<string, string>}
 */
const typedTimes = new Map();

/** The kind whose fields are shown. */
let shownKind = kind();

/** Gives the fields of the times the form of the chosen kind, and what was typed there before. */
function changeKind() {
  for (const action of SCHEDULED) {
    const input = byId(`schedule-${action}`, HTMLInputElement);
    const before = input.value;
    typedTimes.set(`${shownKind} ${action}`, before);
    input.type = KINDS[kind()];
    input.value = typedTimes.get(`${kind()} ${action}`) || (kind() === "expression" ? before : "");
  }
  shownKind = kind();
  byId("schedule-days-part").hidden = kind() === "once";
  byId("schedule-dates-part").hidden = kind() === "once";
  byId("schedule-expression-help").hidden = kind() !== "expression";
}

/** Fills the names of the time zones, once. */
function drawZones() {
  const zones = byId("schedule-zones");
  if (zones.childElementCount) return;
  const names = new Set(["UTC", READER_ZONE, ...(Intl.supportedValuesOf?.("timeZone") ?? [])]);
  zones.append(...[...names].map((value) => make("option", { value })));
}

/**
 * Returns the tags that all these instances have.
 * @param {Row[]} rows
 */
function commonTags(rows) {
  const [first, ...others] = rows;
  return (first?.tags ?? []).filter(
    ([key, value]) =>
      key !== "Name" &&
      !key.includes(":") &&
      others.every((row) => row.source.tags?.[key] === value),
  );
}

/**
 * Offers the tags that all these instances have, instead of their IDs.
 * @param {Row[]} rows
 */
function offerTags(rows) {
  const buttons = commonTags(rows).map((tag) => {
    const button = make("button", { type: "button" }, tagLine(tag));
    button.addEventListener("click", () => {
      field("schedule-tags").value = tagLine(tag);
      field("schedule-instances").value = "";
      drawSchedule();
      announce(`All instances with ${tagLine(tag)} are meant.`);
    });
    return button;
  });
  byId("schedule-offers").replaceChildren(...buttons);
  byId("schedule-offers-part").hidden = !buttons.length;
}

/**
 * Returns the schedule that the fields describe, without its name.
 * @returns {Record<string, unknown>}
 */
function scheduleBody() {
  const { base } = editing;
  const kept = definitionOf(/** @type {Schedule} */ (base));
  const others = Object.entries(kept).filter(([member]) => !member.startsWith("tag:"));
  const times = Object.fromEntries(SCHEDULED.map((action) => [action, timeOf(action)]));
  const isDaily = Object.values(times).some(isTimeOfDay);
  const hibernate = textOf("schedule-hibernate");
  const tags = tagsOf("schedule-tags", editing.tags);
  const members = {
    ...Object.fromEntries(others),
    ...times,
    days: isDaily ? daysText() : "",
    timezone: textOf("schedule-zone"),
    start_date: kind() === "once" ? "" : textOf("schedule-first"),
    end_date: kind() === "once" ? "" : textOf("schedule-last"),
    skip: wordsOf("schedule-skip"),
    region_name: textOf("schedule-region"),
    account: textOf("schedule-account"),
    instance_id: wordsOf("schedule-instances", base.instance_id),
    ...Object.fromEntries(tags.map(([key, value]) => [`tag:${key}`, value])),
    expect: textOf("schedule-expect"),
    hibernate: hibernate === "true" ? true : hibernate,
    description: textOf("schedule-description"),
  };
  const given = Object.entries(members).filter(([member, value]) => {
    return member.startsWith("tag:") || (value !== "" && !(Array.isArray(value) && !value.length));
  });
  return Object.fromEntries(given);
}

/**
 * Returns the lines of a field, or its parts between commas. A line that is known is one word: the
 * name of an instance may have commas in it.
 * @param {string} id
 * @param {string[]} [known]
 */
function wordsOf(id, known = []) {
  const lines = field(id).value.split("\n");
  const words = lines.flatMap((line) => {
    return known.includes(line) ? line : line.split(",").map((word) => word.trim());
  });
  return words.filter(Boolean);
}

/**
 * Whether this is a time of day, to which the days of the week apply.
 * @param {string} time
 */
function isTimeOfDay(time) {
  return /^\d\d:\d\d$/.test(time);
}

/**
 * Returns the time of an action as the API takes it; empty: none.
 * @param {string} action
 */
function timeOf(action) {
  const text = textOf(`schedule-${action}`);
  if (!text || kind() !== "once") return text;
  return `at(${text.length === 16 ? `${text}:00` : text})`;
}

/** Draws when the actions would happen next, and the call. */
function drawSchedule() {
  const body = scheduleBody();
  const schedule = /** @type {Schedule} */ ({ ...body, enabled: body.enabled !== false });
  const items = isZone(textOf("schedule-zone")) ? actionsOf(schedule) : [];
  byId("schedule-next").replaceChildren(
    ...items.map(({ action, expression }) =>
      make("li", {}, `${action}: ${nextText(schedule, expression)}`),
    ),
  );
  byId("schedule-next-part").hidden = !items.length;
  const path = schedulePath(textOf("schedule-name") || "NAME");
  setText(byId("schedule-curl"), curlCommand(path, {}, body, { method: "PUT" }));
}

/**
 * @param {string} text
 */
function sayScheduleStatus(text) {
  setText(byId("schedule-status"), text);
  if (text) announce(text);
}

/** Writes the schedule. The input stays if that does not work. */
async function saveSchedule() {
  if (!session || editing.saving) return;
  clearFieldErrors(SCHEDULE_FIELDS);
  sayScheduleStatus("");
  const name = textOf("schedule-name");
  const isNew = !editing.base.name;
  let isSent = false;
  editing.saving = true;
  setAttribute(byId("schedule-save"), "aria-disabled", "true");
  try {
    if (!name) throw new ApiError("name is required", "");
    const body = scheduleBody();
    const schedule = /** @type {Schedule} */ ({ ...body, name });
    if (hasDays(schedule) && !dayBoxes.some((box) => box.checked)) {
      throw new ApiError("days must have at least one day", "");
    }
    await demandFree(name, isNew);
    if (!(await savingConfirmed(schedule, body))) return;
    if (schedule.terminate) await demandFree(name, isNew);
    isSent = true;
    await putSchedule(name, body);
    revealSchedule(name);
    closeScheduleForm();
    announce(`${name} is saved.`);
  } catch (error) {
    const failure = "Saving the schedule did not work";
    if (!(error instanceof ApiError) || error.status === 401) {
      reportError("schedules", failure, error);
      return;
    }
    const isLost = isSent && (error.status === 0 || error.status >= 500);
    const lost = isLost ? " It may have been saved all the same: look at the list." : "";
    if (byId("schedules").hidden) {
      showMessage("schedules", "error", `${failure}: ${advise(error)}${lost}`, error.requestId);
    } else if (!showFieldError(error, SCHEDULE_FIELDS, SCHEDULE_CODES)) {
      const id = error.requestId ? ` Request ID: ${error.requestId}` : "";
      sayScheduleStatus(`${advise(error)}${lost}${id}`);
      if (isLost) await reloadSchedules();
      byId("schedule-status").focus();
    }
  } finally {
    editing.saving = false;
    setAttribute(byId("schedule-save"), "aria-disabled", null);
  }
}

/**
 * Refuses to replace what another person has written.
 * @param {string} name
 * @param {boolean} isNew
 */
async function demandFree(name, isNew) {
  if (!isNew) await demandUnchanged(name, editing.base);
  else if (await currentSchedule(name)) {
    throw new ApiError("name is that of another schedule", "Change that one.");
  }
}

/**
 * Whether the days of the week count for a schedule: it has times of day.
 * @param {Partial<Schedule>} schedule
 */
function hasDays(schedule) {
  return actionsOf(schedule).some(({ expression }) => isTimeOfDay(expression));
}

/**
 * Asks before a schedule is saved that terminates instances, once it could be saved. Returns
 * whether it may be.
 * @param {Schedule} schedule as it would be
 * @param {Record<string, unknown>} body that would be written
 */
async function savingConfirmed(schedule, body) {
  const { name, terminate } = schedule;
  if (!terminate) return true;
  await tryToPut(name, body);
  const text = terminationText(schedule);
  return await confirmed({ title: `Save ${name}?`, text, button: "Save it", word: name });
}

function closeScheduleForm() {
  scheduleForm.hidden = true;
  const { opener } = editing;
  const label = opener?.getAttribute("aria-label");
  const buttons = [...byId("schedule-list").querySelectorAll("button")];
  const same = buttons.find((button) => label && button.getAttribute("aria-label") === label);
  if (same)
    same.focus(); // of a schedule that is drawn anew
  else if (opener?.isConnected && !opener.closest("[hidden]")) restoreFocus(opener);
  else byId("schedules-title").focus();
}

forgetErrorsOnInput(SCHEDULE_FIELDS);
scheduleForm.addEventListener("input", (event) => {
  const { target } = event;
  if (target instanceof HTMLInputElement && target.type === "radio") changeKind();
  drawSchedule();
});
scheduleForm.addEventListener("submit", (event) => {
  event.preventDefault();
  saveSchedule();
});
byId("schedule-cancel").addEventListener("click", closeScheduleForm);
byId("schedule-copy").addEventListener("click", () => {
  const code = byId("schedule-curl");
  copyText(code.textContent ?? "", code);
});
on("forgotten", () => {
  scheduleForm.reset();
  scheduleForm.hidden = true;
  Object.assign(editing, { base: {}, tags: [] });
  typedTimes.clear();
  clearFieldErrors(SCHEDULE_FIELDS);
  for (const id of ["next", "offers", "region", "account", "title", "owner", "status"]) {
    byId(`schedule-${id}`).replaceChildren();
  }
  setText(byId("schedule-curl"), "");
});
