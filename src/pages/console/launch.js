// @ts-check
// The form that launches instances: a dry run first, then the launch.

import { ApiError, callApi, curlCommand, randomKey } from "./api.js";
import { copyText } from "./clipboard.js";
import { byId, setAttribute, setText } from "./dom.js";
import { advise, reportError } from "./errors.js";
import { on } from "./events.js";
import { REQUEST_TAG } from "./instances.js";
import {
  clearFieldErrors,
  drawLaunchRegions,
  forgetLaunch,
  launchBody,
  showFieldError,
} from "./launch-fields.js";
import { watchList } from "./lists.js";
import { announce } from "./messages.js";
import { addRegion } from "./regions.js";
import { session } from "./session.js";
import { changeView } from "./view.js";

const PATH = "ec2/create";

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

/** The tag that the instances of the last launch have, and no others. @type {[string, string][]} */
let launchedTags = [];

/** Opens the form, and moves the focus there. */
export function openLaunch() {
  byId("launch").hidden = false;
  setAttribute(byId("launch-open"), "aria-expanded", true);
  drawLaunchRegions();
  drawLaunch();
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
  setText(curlText, curlCommand(PATH, {}, body, launch.key));
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
  if (text) announce(text);
}

/**
 * Sends the launch, or its dry run. The input stays whatever happens.
 * @param {boolean} dryRun
 */
async function sendLaunch(dryRun) {
  if (!session || launch.running) return;
  const body = launchBody();
  const input = JSON.stringify(body);
  Object.assign(launch, { running: true, permitted: "" });
  if (!dryRun) launch.sent = input;
  clearFieldErrors();
  showButton.hidden = true;
  sayStatus(dryRun ? "Asking whether it would be permitted." : "Launching.");
  drawLaunch();
  try {
    const asked = dryRun ? { ...body, dry_run: "true" } : body;
    const { value } = await callApi(PATH, {}, asked, dryRun ? "" : launch.key);
    if (dryRun) {
      launch.permitted = input;
      sayStatus(String(value.Message ?? "It would be permitted."));
    } else {
      showLaunched(body.region_name ?? "", Array.isArray(value) ? value : [value]);
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
 * @param {string} region
 * @param {{ InstanceId: string, Tags?: { Key: string, Value: string }[] }[]} instances
 */
function showLaunched(region, instances) {
  Object.assign(launch, { key: randomKey(), sent: "" });
  const ids = instances.map((instance) => instance.InstanceId).join(", ");
  sayStatus(`Launched in ${region}: ${ids}.`);
  const tag = instances[0]?.Tags?.find(({ Key }) => Key === REQUEST_TAG);
  launchedTags = tag ? [[REQUEST_TAG, tag.Value]] : [];
  showButton.hidden = !tag;
  addRegion(region);
  watchList(region);
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
  if (!lost && showFieldError(error)) return;
  const id = error.requestId ? ` Request ID: ${error.requestId}` : "";
  sayStatus(`${advise(error)}${again}${id}`, true);
  byId("launch-status").focus();
}

byId("launch-open").addEventListener("click", () => {
  if (byId("launch").hidden) openLaunch();
  else closeLaunch();
});
byId("launch-close").addEventListener("click", closeLaunch);
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
  changeView({ search: "", states: new Set(), tags: launchedTags });
  byId("scroll").focus();
});
byId("launch-copy").addEventListener("click", () => {
  copyText(curlText.textContent ?? "", curlText);
});
// The form keeps what was typed when the key has expired, not when somebody signs out.
on("forgotten", () => {
  Object.assign(launch, { key: randomKey(), permitted: "", sent: "" });
  launchedTags = [];
  forgetLaunch();
  sayStatus("");
  showButton.hidden = true;
  byId("launch").hidden = true;
  setAttribute(byId("launch-open"), "aria-expanded", false);
});
