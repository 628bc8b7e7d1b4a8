// @ts-check
// The dialog with the details of an instance, and its actions as curl commands.

import { curlCommand } from "./api.js";
import { copyText } from "./clipboard.js";
import { byId, make, restoreFocus } from "./dom.js";
import { on } from "./events.js";
import { localTime } from "./instances.js";
import { ACTIONS, unavailableReason } from "./permissions.js";
import { session } from "./session.js";

/** @import { Row } from "./instances.js" */
/** @import { Action } from "./permissions.js" */

const detailsDialog = byId("details", HTMLDialogElement);

/**
 * The instance whose details are shown; `content` is what they were drawn from.
 * @type {{ id: string, region: string, opener: Element | null, content: string } | null}
 */
let opened = null;

/**
 * Opens the dialog.
 * @param {Row} row
 */
export function openDetails(row) {
  opened = { id: row.id, region: row.region, opener: document.activeElement, content: "" };
  updateDetails();
  detailsDialog.showModal();
  byId("details-title").focus();
}

/** Draws the details again, if they are open and changed. Selected text stays selected. */
export function updateDetails() {
  if (!opened) return;
  const { id, region } = opened;
  const row = session?.lists.get(region)?.rows.find((candidate) => candidate.id === id);
  if (!row) return detailsDialog.close();
  const reasons = ACTIONS.map((action) => unavailableReason(action, row));
  const content = JSON.stringify([row.source, row.state, reasons]);
  if (content === opened.content) return;
  opened.content = content;
  byId("details-title").textContent = row.label;
  drawPairs(byId("details-facts"), facts(row));
  drawPairs(byId("details-tags"), row.tags.length ? row.tags : [["none", ""]]);
  const { activeElement } = document;
  const focused = activeElement instanceof HTMLElement ? activeElement.dataset.verb : undefined;
  const calls = byId("details-calls");
  calls.replaceChildren(...ACTIONS.map((action) => callOf(action, row)));
  /** @type {HTMLElement | null} */
  const focusedAgain = focused ? calls.querySelector(`[data-verb=${focused}]`) : null;
  focusedAgain?.focus();
}

/**
 * Returns what is known of an instance, with titles.
 * @param {Row} row
 * @returns {[string, string][]}
 */
function facts(row) {
  const { source } = row;
  const groups = (source["security-group-ids"] ?? []).map(({ GroupId, GroupName }) =>
    [GroupId, GroupName].filter(Boolean).join(" "),
  );
  /** @type {[string, string | undefined][]} */
  const pairs = [
    ["ID", row.id],
    ["State", row.state],
    ["Type", row.type],
    ["Zone", row.zone],
    ["Launched", localTime(row.launched)],
    ["Private IP", row.private],
    ["Public IP", row.public],
    ["Public name", source["public-dns-name"]],
    ["Image", source["image-id"]],
    ["Architecture", source.architecture],
    ["Platform", source.platform],
    ["Key pair", source["key-name"]],
    ["VPC", source["vpc-id"]],
    ["Subnet", source["subnet-id"]],
    ["Security groups", groups.join(", ")],
  ];
  return pairs.flatMap(([title, value]) => (value ? [[title, value]] : []));
}

/**
 * Fills a description list.
 * @param {HTMLElement} list
 * @param {[string, string][]} pairs
 */
function drawPairs(list, pairs) {
  list.replaceChildren(
    ...pairs.flatMap(([title, value]) => [make("dt", {}, title), make("dd", {}, value)]),
  );
}

/**
 * Returns the element with the curl command of an action.
 * @param {Action} action
 * @param {Row} row
 */
function callOf(action, row) {
  const body = { region_name: row.region, instance_id: row.id };
  const command = curlCommand(`ec2/${action.verb}`, {}, body);
  const code = make("code", {}, command);
  const label = `Copy the curl call: ${action.title}`;
  const copy = make(
    "button",
    { type: "button", "aria-label": label, "data-verb": action.verb },
    "Copy",
  );
  copy.addEventListener("click", () => copyText(command, code));
  const reason = unavailableReason(action, row);
  const title = make("p", {}, make("strong", {}, action.title));
  title.append(reason ? make("span", { className: "quiet" }, ` ${reason}`) : "");
  const line = make("div", { className: "row" }, make("pre", {}, code), copy);
  return make("div", { className: "call" }, title, line);
}

byId("details-close").addEventListener("click", () => detailsDialog.close());
detailsDialog.addEventListener("close", () => {
  const opener = opened?.opener;
  opened = null;
  if (session) restoreFocus(opener);
});
on("signed-out", () => {
  detailsDialog.close();
  for (const id of ["details-facts", "details-tags", "details-calls"]) byId(id).replaceChildren();
});
