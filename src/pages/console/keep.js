// @ts-check
// Keeps instances until a time: schedules and ends leave them out.

import { accountQuery, placeText } from "./accounts.js";
import { ApiError, callApi } from "./api.js";
import { byId, make, restoreFocus, setText } from "./dom.js";
import { reportError } from "./errors.js";
import { on } from "./events.js";
import { clearFieldErrors, field, forgetErrorsOnInput, showFieldError } from "./fields.js";
import { localTime } from "./instances.js";
import { watchList } from "./lists.js";
import { dismissMessage, showMessage } from "./messages.js";
import { chosenRows } from "./selection.js";
import { byPlace, listKey, session } from "./session.js";

/** @import { FormFields } from "./fields.js" */
/** @import { Row } from "./instances.js" */

/** @type {FormFields} */
const KEEP_FIELDS = { "keep-until": ["until"] };

const keepDialog = byId("keep", HTMLDialogElement);

/**
 * What the dialog is about.
 * @type {{ rows: Row[], opener: Element | null, running: boolean } | null}
 */
let kept = null;

/**
 * Asks until when these instances are kept.
 * @param {Row[]} rows
 */
export function openKeep(rows) {
  if (!rows.length || keepDialog.open) return;
  kept = { rows, opener: document.activeElement, running: false };
  setText(byId("keep-title"), `Keep ${labelOf(rows)}`);
  byId("keep-rows").replaceChildren(
    ...rows.slice(0, 12).map((row) => make("li", {}, keptText(row))),
  );
  clearFieldErrors(KEEP_FIELDS);
  field("keep-until").value = localTime(new Date(Date.now() + 86_400_000).toISOString()).replace(
    " ",
    "T",
  );
  byId("keep-end").hidden = !rows.some((row) => row.source["keep-until"]);
  keepDialog.showModal();
  field("keep-until").focus();
}

/**
 * @param {Row} row
 */
function keptText(row) {
  const until = row.source["keep-until"];
  return until ? `${row.label}: kept until ${localTime(until)}` : row.label;
}

/**
 * Keeps the instances until a time, or no longer.
 * @param {string} until RFC 3339; empty: no longer
 */
async function keepRows(until) {
  if (!kept || kept.running) return;
  const asked = kept;
  asked.running = true;
  const { rows } = asked;
  const caller = session;
  /** @type {Row[]} */
  const done = [];
  /** @type {{ first: Row, where: string, error: unknown }[]} */
  const failures = [];
  for (const part of byPlace(rows)) {
    const [first] = part;
    if (!first) continue;
    const { region, accountName } = first;
    const instance_id = part.map((row) => row.id).join();
    const place = { region_name: region, ...accountQuery(accountName) };
    try {
      await callApi("ec2/keep", {}, { ...place, instance_id, until });
      done.push(...part);
      dismissMessage(`keep ${listKey(region, accountName)}`);
      watchList(region, accountName);
    } catch (error) {
      const isFirst = !done.length && !failures.length && error instanceof ApiError;
      if (isFirst && kept === asked && showFieldError(error, KEEP_FIELDS)) {
        asked.running = false;
        return;
      }
      failures.push({
        first,
        where: `${labelOf(part)} in ${placeText(region, accountName)}`,
        error,
      });
    }
  }
  if (session !== caller) return;
  if (kept === asked) keepDialog.close();
  if (done.length) {
    const text = until
      ? `kept until ${localTime(until)}. Schedules and ends do not stop or terminate before.`
      : "kept no longer.";
    showMessage("keep", "warning", `${labelOf(done)}: ${text}`);
  }
  for (const { first, where, error } of failures) {
    const topic = `keep ${listKey(first.region, first.accountName)}`;
    reportError(topic, `Keeping ${where} did not work`, error);
  }
}

/**
 * Names rows.
 * @param {Row[]} rows
 */
function labelOf(rows) {
  const [row] = rows;
  return rows.length === 1 && row ? row.label : `${rows.length} instances`;
}

forgetErrorsOnInput(KEEP_FIELDS);
byId("keep-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const time = new Date(field("keep-until").value);
  const isTime = !Number.isNaN(time.getTime());
  if (isTime) keepRows(time.toISOString());
  else showFieldError(new ApiError("until must be a time", ""), KEEP_FIELDS);
});
byId("keep-end").addEventListener("click", () => keepRows(""));
byId("keep-no").addEventListener("click", () => keepDialog.close());
byId("bulk-keep").addEventListener("click", () => openKeep(chosenRows()));
keepDialog.addEventListener("close", () => {
  if (session) restoreFocus(kept?.opener);
});
on("offer-changed", () => {
  byId("bulk-keep").hidden = !session?.hasSchedules;
});
on("signed-out", () => {
  keepDialog.close();
  for (const id of ["keep-title", "keep-rows"]) byId(id).replaceChildren();
});
