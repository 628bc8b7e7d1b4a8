// @ts-check
// The details of instances, in up to two panels beside the list: one shows what is opened next, the
// other stays once it is kept, so that two instances can be compared.

import { accountQuery } from "./accounts.js";
import { curlCommand } from "./api.js";
import { copyText } from "./clipboard.js";
import { drawConsoleOutput, newConsoleOutput } from "./console-output.js";
import {
  byId,
  make,
  onEscape,
  replaceContent,
  restoreFocus,
  setAttribute,
  setText,
} from "./dom.js";
import { on } from "./events.js";
import { facts } from "./facts.js";
import { localTime } from "./instances.js";
import { openKeep } from "./keep.js";
import { announce } from "./messages.js";
import { ACTIONS, unavailableReason } from "./permissions.js";
import { openScheduleForm } from "./schedule-form.js";
import { actionsOf, loadSchedules, matcherOf, reloadSchedules } from "./schedule-store.js";
import { nextText } from "./schedule-times.js";
import { listFor, session } from "./session.js";
import { filterByTag } from "./view.js";

/** @import { ConsoleOutput } from "./console-output.js" */
/** @import { Fact } from "./facts.js" */
/** @import { Row } from "./instances.js" */
/** @import { Action } from "./permissions.js" */

/**
 * @typedef {object} Panel
 * @property {string} id of the instance
 * @property {string} region
 * @property {string} accountName
 * @property {boolean} kept whether it stays when another instance is opened
 * @property {Element | null} opener gets the focus when the panel is closed
 * @property {string} content the data that it was drawn from
 * @property {HTMLElement} element
 * @property {HTMLElement} title
 * @property {HTMLButtonElement} keep
 * @property {HTMLButtonElement} close
 * @property {HTMLElement} body
 * @property {ConsoleOutput} output
 */

/** @type {Panel[]} at most two, and at most one of them kept */
let panels = [];

/**
 * Shows the details of an instance: in its panel if it has one, else in place of the panel that is
 * not kept.
 * @param {Row} row
 */
export function openDetails(row) {
  let panel = panels.find((candidate) => candidate.id === row.id);
  if (!panel) {
    panels.find((candidate) => !candidate.kept)?.element.remove();
    panel = newPanel(row);
    panels = [...panels.filter((candidate) => candidate.kept), panel];
    byId("panels").append(panel.element);
  }
  panel.opener = document.activeElement;
  if (session?.hasSchedules && !session.schedules) loadSchedules().catch(ignoreSchedules);
  updateDetails();
  panel.title.focus();
}

/**
 * Creates an empty panel.
 * @param {Row} row
 * @returns {Panel}
 */
function newPanel(row) {
  const { id, region, accountName } = row;
  const title = make("h2", { tabIndex: -1, id: `panel-${id}` });
  const keep = make("button", { type: "button" }, "Keep open");
  const close = make("button", { type: "button" }, "Close");
  const body = make("div", { className: "facts" });
  const output = newConsoleOutput(row);
  const element = make(
    "section",
    { className: "panel card", "aria-labelledby": title.id },
    make("div", { className: "top" }, title, make("div", { className: "row" }, keep, close)),
    body,
    output.element,
  );
  /** @type {Panel} */
  const panel = {
    ...{ id, region, accountName, kept: false, opener: null, content: "" },
    ...{ element, title, keep, close, body, output },
  };
  keep.addEventListener("click", () => keepPanel(panel));
  close.addEventListener("click", () => closePanel(panel));
  onEscape(element, () => closePanel(panel));
  return panel;
}

/**
 * Keeps a panel open, or no longer. Another one is then no longer kept.
 * @param {Panel} panel
 */
function keepPanel(panel) {
  const kept = !panel.kept;
  for (const other of panels) other.kept = false;
  panel.kept = kept;
  updateDetails();
  announce(kept ? "It stays open when you open another one." : "The next one takes its place.");
}

/**
 * Closes a panel, and returns the focus to where it was opened.
 * @param {Panel} panel
 */
function closePanel(panel) {
  const focused = panel.element.contains(document.activeElement);
  panel.element.remove();
  panels = panels.filter((other) => other !== panel);
  if (focused && session) restoreFocus(panel.opener);
}

/** Draws the details again that have changed. Closes those of instances that are gone. */
export function updateDetails() {
  for (const panel of panels) {
    const { rows = [] } = listFor(panel.region, panel.accountName) ?? {};
    const row = rows.find((candidate) => candidate.id === panel.id);
    if (row) updatePanel(panel, row);
    else closePanel(panel);
  }
}

/**
 * Draws a panel. Selected text stays selected where nothing has changed.
 * @param {Panel} panel
 * @param {Row} row
 */
function updatePanel(panel, row) {
  setText(panel.title, row.label);
  setAttribute(panel.keep, "aria-pressed", panel.kept);
  setAttribute(panel.keep, "aria-label", `Keep open the details of ${row.label}`);
  setAttribute(panel.close, "aria-label", `Close the details of ${row.label}`);
  drawConsoleOutput(panel.output, row.label);
  const reasons = ACTIONS.map((action) => unavailableReason(action, row));
  const schedules = session?.schedules && schedulesOf(row);
  const content = JSON.stringify([row.source, row.state, reasons, schedules]);
  if (content === panel.content) return;
  panel.content = content;
  const tags = row.tags.map(([title, value]) => ({ title, value, isTag: true }));
  const when = session?.hasSchedules ? [part("When", ...whenOf(row))] : [];
  replaceContent(
    panel.body,
    part("Instance", factList(facts(row))),
    make("div", {}, part("Tags", factList(tags)), ...when),
    part("Actions by curl", ...ACTIONS.map((action) => callOf(action, row))),
  );
}

/**
 * @param {string} title
 * @param {...Node} children
 */
function part(title, ...children) {
  return make("div", { className: "part" }, make("h3", {}, title), ...children);
}

/**
 * Returns a description list.
 * @param {Fact[]} pairs
 * @param {string} [none] is said if there are none
 */
function factList(pairs, none = "None.") {
  if (!pairs.length) return make("p", { className: "quiet" }, none);
  const items = pairs.flatMap(({ title, value, copied, isTag }) => {
    const text = make("span", {}, value);
    const definition = make("dd", {}, text);
    if (copied) {
      const label = `Copy ${title} ${value}`;
      const copy = make("button", { type: "button", "aria-label": label }, "Copy");
      copy.addEventListener("click", () => copyText(value, text));
      definition.append(" ", copy);
    }
    if (isTag) {
      const label = `Show only instances with ${title}=${value}`;
      const filter = make("button", { type: "button", "aria-label": label }, "Filter");
      filter.addEventListener("click", () => {
        filterByTag(title, value);
        announce(`Only instances with ${title}=${value} are shown.`);
      });
      definition.append(" ", filter);
    }
    return [make("dt", {}, title), definition];
  });
  return make("dl", {}, ...items);
}

/**
 * Returns the schedules of an instance, with their next times.
 * @param {Row} row
 */
function schedulesOf(row) {
  const schedules = session?.schedules?.filter((schedule) => matcherOf(schedule)(row)) ?? [];
  return schedules.flatMap((schedule) =>
    actionsOf(schedule).map(({ action, expression }) => ({
      title: schedule.name,
      value: `${action}: ${nextText(schedule, expression)}`,
    })),
  );
}

/**
 * Returns when something happens to an instance by itself, and buttons that change that.
 * @param {Row} row
 */
function whenOf(row) {
  const until = row.source["keep-until"];
  const kept = until ? [{ title: "Kept until", value: localTime(until) }] : [];
  const schedule = make("button", { type: "button" }, "Schedule\u2026");
  setAttribute(schedule, "aria-label", `Schedule ${row.label}`);
  schedule.addEventListener("click", () => openScheduleForm(null, [row]));
  const end = make("button", { type: "button" }, "End\u2026");
  setAttribute(end, "aria-label", `End ${row.label}`);
  end.addEventListener("click", () => openScheduleForm(null, [row], true));
  const keep = make("button", { type: "button" }, "Keep\u2026");
  setAttribute(keep, "aria-label", `Keep ${row.label}`);
  keep.addEventListener("click", () => openKeep([row]));
  const unknown = session?.schedules ? [] : [{ title: "Schedules", value: "not loaded" }];
  const facts = [...unknown, ...schedulesOf(row), ...kept];
  return [
    factList(facts, "No end and no schedule."),
    make("div", { className: "row" }, end, schedule, keep),
  ];
}

/**
 * Returns the element of an action: whether it is available, or why not, and its curl command.
 * @param {Action} action
 * @param {Row} row
 */
function callOf(action, row) {
  const place = { region_name: row.region, ...accountQuery(row.accountName) };
  const body = { ...place, instance_id: row.id };
  const command = curlCommand(`ec2/${action.verb}`, {}, body);
  const code = make("code", {}, command);
  const label = `Copy the curl call: ${action.title} ${row.label}`;
  const copy = make("button", { type: "button", "aria-label": label }, "Copy");
  copy.addEventListener("click", () => copyText(command, code));
  const reason = unavailableReason(action, row);
  const state = make("span", { className: "quiet" }, reason || "Possible now.");
  return make(
    "div",
    { className: "call" },
    make("p", {}, make("strong", {}, action.title), " ", state),
    make("div", { className: "row" }, make("pre", {}, code), copy),
  );
}

/** The panel is of use without the schedules: their own list says why they can't be loaded. */
function ignoreSchedules() {}

on("schedules-changed", updateDetails);
byId("refresh").addEventListener("click", () => {
  // The panel of schedules loads them itself.
  if (panels.length && session?.hasSchedules && byId("schedules").hidden) reloadSchedules();
});
on("signed-out", () => {
  for (const panel of panels) panel.element.remove();
  panels = [];
});
