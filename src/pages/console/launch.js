// @ts-check
// The form that launches instances: a dry run first, then the launch.

import { addAccount, placeText } from "./accounts.js";
import { ApiError, callApi, curlCommand, randomKey } from "./api.js";
import { awaitRunning } from "./awaited.js";
import { copyText } from "./clipboard.js";
import { byId, make, onEscape, setAttribute, setText } from "./dom.js";
import { advise, reportError } from "./errors.js";
import { on } from "./events.js";
import { clearFieldErrors, showFieldError } from "./fields.js";
import { localTime, REQUEST_TAG } from "./instances.js";
import {
  drawLaunchPlaces,
  forgetLaunch,
  LAUNCH_CODES,
  LAUNCH_FIELDS,
  launchBody,
} from "./launch-fields.js";
import { loadLimits } from "./launch-limits.js";
import { watchList } from "./lists.js";
import { announce, showMessage } from "./messages.js";
import { addRegion } from "./regions.js";
import { actionsOf, reloadSchedules } from "./schedule-store.js";
import { session } from "./session.js";
import { changeView } from "./view.js";

const PATH = "ec2/create";

/** The most instances of a launch that the form shows. */
const MAX_SHOWN = 10;

const launchForm = byId("launch-form", HTMLFormElement);
const checkButton = byId("launch-check", HTMLButtonElement);
const runButton = byId("launch-run", HTMLButtonElement);
const showButton = byId("launch-show", HTMLButtonElement);
const curlText = byId("launch-curl");

/**
 * `key` makes a launch that is sent twice happen once: it changes with the input and after each
 * launch. `permitted` is the input whose dry run was permitted, as JSON.
 */
const launch = { key: randomKey(), permitted: "", sent: "", running: false };

/** The instances of the last launch, and the tag that they have and no others. */
const launched = {
  ids: /** @type {string[]} */ ([]),
  tags: /** @type {[string, string][]} */ ([]),
};

/** Opens the form, and moves the focus there. */
export function openLaunch() {
  byId("launch").hidden = false;
  setAttribute(byId("launch-open"), "aria-expanded", true);
  drawLaunchPlaces();
  drawLaunch();
  loadLimits(); // again, if that has failed
  byId("launch-title").focus();
}

/** Closes the form. What was typed stays. */
function closeLaunch() {
  byId("launch").hidden = true;
  setAttribute(byId("launch-open"), "aria-expanded", false);
  byId("launch-open").focus();
}

/** Draws the call of the present input, and which buttons are available. */
function drawLaunch() {
  const body = launchBody();
  const input = JSON.stringify(body);
  if (launch.sent && launch.sent !== input) {
    // Another launch: under the old key it would be refused.
    Object.assign(launch, { key: randomKey(), sent: "" });
  }
  setText(curlText, curlCommand(PATH, {}, body, { idempotencyKey: launch.key }));
  const isNeeded = !body.image_id && !body.LaunchTemplate;
  for (const id of ["launch-key", "launch-groups"]) byId(id, HTMLInputElement).required = isNeeded;
  const count = Number(body.MinCount) || 1;
  setText(runButton, count === 1 ? "Launch 1 instance" : `Launch ${count} instances`);
  const ready = launch.permitted === input;
  setAttribute(runButton, "aria-disabled", ready && !launch.running ? null : "true");
  setAttribute(checkButton, "aria-disabled", launch.running ? "true" : null);
  runButton.classList.toggle("main", ready);
  checkButton.classList.toggle("main", !ready);
}

/**
 * Says how the launch stands.
 * @param {string} text
 * @param {boolean} [isError]
 */
function sayStatus(text, isError = false) {
  const status = byId("launch-status");
  setText(status, text);
  status.classList.toggle("failed", isError);
  if (!text) return;
  announce(text);
  status.scrollIntoView({ block: "nearest" });
}

/**
 * Sends the launch, or its dry run. The input stays whatever happens.
 * @param {boolean} dryRun
 */
async function sendLaunch(dryRun) {
  if (!session || launch.running) return;
  const body = launchBody();
  const input = JSON.stringify(body);
  if (!dryRun && launch.permitted !== input) {
    sayStatus("Try it as a dry run first: what would be launched has changed.");
    drawLaunch();
    return;
  }
  Object.assign(launch, { running: true, permitted: "" });
  if (!dryRun) launch.sent = input;
  clearFieldErrors(LAUNCH_FIELDS);
  showButton.hidden = true;
  Object.assign(launched, { ids: [], tags: [] });
  drawLaunched();
  sayStatus(dryRun ? "Asking whether it would be permitted." : "Launching.");
  drawLaunch();
  try {
    const asked = dryRun ? { ...body, dry_run: "true" } : body;
    const key = dryRun ? "" : launch.key;
    const { value, schedule } = await callApi(PATH, {}, asked, { idempotencyKey: key });
    if (dryRun) {
      launch.permitted = input;
      const rest = "EC2 may still refuse it, such as for its type, its image or its capacity.";
      sayStatus(`${value.Message ?? "It would be permitted."} ${rest}`);
    } else {
      showLaunched(body, Array.isArray(value) ? value : [value], schedule);
    }
  } catch (error) {
    reportLaunchError(error, dryRun);
  } finally {
    launch.running = false;
    drawLaunch();
  }
  if (dryRun && launch.permitted === input) runButton.focus();
}

/**
 * Says what was launched, and lets the list show it.
 * @param {Record<string, string>} body of the request
 * @param {{ InstanceId: string, Tags?: { Key: string, Value: string }[] }[]} instances
 * @param {string | null} schedule the name of the schedule that ends them
 */
function showLaunched(body, instances, schedule) {
  Object.assign(launch, { key: randomKey(), sent: "" });
  const { region_name: region = "", account = "" } = body;
  launched.ids = instances.map((instance) => instance.InstanceId);
  awaitRunning(launched.ids);
  const ids = launched.ids.join(", ");
  const text = `Launched in ${placeText(region, account)}: ${ids}.`;
  sayStatus(schedule ? `${text} ${endText(body, schedule)}` : text);
  const tag = instances[0]?.Tags?.find(({ Key }) => Key === REQUEST_TAG);
  launched.tags = tag ? [[REQUEST_TAG, tag.Value]] : [];
  showButton.hidden = !tag;
  if (schedule) sayEnd(text, body, schedule);
  addRegion(region);
  addAccount(account);
  watchList(region, account);
}

/** Draws how the instances of the last launch are, and their addresses. */
function drawLaunched() {
  const rows = [...(session?.lists.values() ?? [])].flatMap((list) => list.rows);
  const shown = rows.filter((row) => launched.ids.includes(row.id)).slice(0, MAX_SHOWN);
  const items = shown.map((row) => {
    const addresses = [
      row.public && `public ${row.public}`,
      row.private && `private ${row.private}`,
    ];
    const texts = [row.state, ...addresses.filter(Boolean)];
    return make("li", {}, make("strong", {}, row.label), ` ${texts.join(", ")}`);
  });
  const content = items.map((item) => item.textContent).join("\n");
  const list = byId("launch-results");
  if (list.dataset.content === content) return; // selected text stays selected
  list.dataset.content = content;
  list.replaceChildren(...items);
}

/**
 * Says how the instances of a launch end, and when if that is known.
 * @param {Record<string, string>} body of the request
 * @param {string} schedule its name
 * @param {string} [time]
 */
function endText({ stop_after, terminate_after }, schedule, time) {
  const action = stop_after ? "Stops" : "Ends for good";
  const when = time ? `at ${localTime(time)}` : `after ${stop_after ?? terminate_after}`;
  return `${action} ${when}, by the schedule ${schedule}.`;
}

/**
 * Says when the instances of a launch end as soon as the schedules say it: a launch that is sent
 * again keeps the time of the first, and the clock of this browser may be wrong.
 * @param {string} launchText what is said of the launch
 * @param {Record<string, string>} body of the request
 * @param {string} name of the schedule
 */
async function sayEnd(launchText, body, name) {
  const { ids } = launched;
  await reloadSchedules();
  const schedule = session?.schedules?.find((candidate) => candidate.name === name);
  const [{ expression } = { expression: "" }] = schedule ? actionsOf(schedule) : [];
  const time = /^at\((\S+)\)$/.exec(expression)?.[1];
  const isLast = launched.ids === ids && !launch.running;
  if (time && isLast) sayStatus(`${launchText} ${endText(body, name, `${time}Z`)}`);
}

/**
 * Shows an error at its field, else below the form. After a launch whose response was lost, the
 * same launch can be sent again: it happens once.
 * @param {unknown} error
 * @param {boolean} dryRun
 */
function reportLaunchError(error, dryRun) {
  sayStatus("");
  if (!(error instanceof ApiError) || error.status === 401) {
    reportError("launch", "Launching did not work", error);
    return;
  }
  const lost = !dryRun && (error.status === 0 || error.status >= 500);
  const again = lost
    ? " It may have been launched all the same. To make sure, try again: under the same" +
      " Idempotency-Key it is launched once."
    : "";
  if (byId("launch").hidden) {
    const failure = dryRun ? "The dry run did not work" : "Launching did not work";
    showMessage("launch", "error", `${failure}: ${advise(error)}${again}`, error.requestId);
    return;
  }
  if (!lost && showFieldError(error, LAUNCH_FIELDS, LAUNCH_CODES)) return;
  const id = error.requestId ? ` Request ID: ${error.requestId}` : "";
  sayStatus(`${advise(error)}${again}${id}`, true);
  byId("launch-status").focus();
}

byId("launch-open").addEventListener("click", () => {
  if (byId("launch").hidden) openLaunch();
  else closeLaunch();
});
byId("launch-close").addEventListener("click", closeLaunch);
onEscape(byId("launch"), closeLaunch);
launchForm.addEventListener("input", () => {
  sayStatus("");
  drawLaunch();
});
launchForm.addEventListener("submit", (event) => {
  event.preventDefault();
  sendLaunch(true);
});
runButton.addEventListener("click", () => {
  if (runButton.getAttribute("aria-disabled") !== "true") sendLaunch(false);
  else sayStatus("Try it as a dry run first.");
});
showButton.addEventListener("click", () => {
  changeView({ search: "", states: new Set(), tags: launched.tags });
  byId("scroll").focus();
});
byId("launch-copy").addEventListener("click", () => {
  copyText(curlText.textContent ?? "", curlText);
});
on("lists-changed", drawLaunched);
for (const event of /** @type {const} */ (["offer-changed", "limits-changed"])) {
  on(event, () => {
    if (!byId("launch").hidden) drawLaunch();
  });
}
on("signed-out", drawLaunched);
// The form keeps what was typed when the key has expired, not when somebody signs out.
on("forgotten", () => {
  Object.assign(launch, { key: randomKey(), permitted: "", sent: "" });
  Object.assign(launched, { ids: [], tags: [] });
  forgetLaunch();
  setText(curlText, "");
  sayStatus("");
  showButton.hidden = true;
  byId("launch").hidden = true;
  setAttribute(byId("launch-open"), "aria-expanded", false);
});
