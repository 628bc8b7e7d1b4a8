// @ts-check
// The console output of an instance, loaded when it is asked for.

import { accountQuery } from "./accounts.js";
import { callApi } from "./api.js";
import { make, setAttribute, setText } from "./dom.js";
import { reportError } from "./errors.js";
import { localTime } from "./instances.js";
import { announce, dismissMessage } from "./messages.js";

/** @import { Row } from "./instances.js" */

/**
 * @typedef {object} ConsoleOutput
 * @property {HTMLElement} element
 * @property {HTMLButtonElement} button
 * @property {boolean} loading
 * @property {boolean} loaded
 * @property {string} label of the instance
 */

/**
 * Creates the part of a panel that shows the console output of an instance.
 * @param {Row} row
 */
export function newConsoleOutput({ id, region, accountName }) {
  const button = make("button", { type: "button" }, "Show");
  const time = make("span", { className: "quiet" });
  const text = make("pre", { tabIndex: 0, role: "group", hidden: true });
  const element = make(
    "div",
    { className: "output" },
    make("div", { className: "row" }, make("h3", {}, "Console output"), button, time),
    text,
  );
  /** @type {ConsoleOutput} */
  const output = { element, button, loading: false, loaded: false, label: id };
  button.addEventListener("click", async () => {
    if (output.loading) return;
    output.loading = true;
    drawConsoleOutput(output, output.label);
    setText(time, "Loading.");
    const topic = `console output ${id}`;
    try {
      const { value } = await callApi("ec2/console-output", {
        region_name: region,
        ...accountQuery(accountName),
        instance_id: id,
      });
      output.loaded = true;
      setText(text, value.Output ?? "");
      setText(
        time,
        value.Output ? `As of ${localTime(value.Timestamp ?? "")}.` : "EC2 has none yet.",
      );
      text.hidden = !value.Output;
      text.scrollTop = text.scrollHeight;
      text.scrollIntoView({ block: "nearest" });
      announce(value.Output ? "The console output is shown." : "EC2 has no console output yet.");
      dismissMessage(topic);
    } catch (error) {
      setText(time, output.loaded ? "Not refreshed." : "");
      reportError(topic, `The console output of ${output.label} could not be read`, error);
    } finally {
      output.loading = false;
      drawConsoleOutput(output, output.label);
    }
  });
  setAttribute(text, "aria-label", "Console output");
  return output;
}

/**
 * @param {ConsoleOutput} output
 * @param {string} label
 */
export function drawConsoleOutput(output, label) {
  output.label = label;
  setText(output.button, output.loaded ? "Refresh" : "Show");
  const verb = output.loaded ? "Refresh" : "Show";
  setAttribute(output.button, "aria-label", `${verb} the console output of ${label}`);
  setAttribute(output.button, "aria-disabled", output.loading ? "true" : null);
}
