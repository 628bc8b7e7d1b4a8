// @ts-check
// The fields of the form that launches instances: what they mean, and their errors.

import { ApiError } from "./api.js";
import { byId, make, setAttribute } from "./dom.js";
import { advise } from "./errors.js";
import { announce } from "./messages.js";
import { session } from "./session.js";

/** @typedef {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} Field */

/** The fields, with the parameters whose errors stand there. */
const PARAMETERS = {
  "launch-region": ["region_name"],
  "launch-image": ["ImageId", "image_id"],
  "launch-type": ["InstanceType"],
  "launch-count": ["MinCount", "MaxCount"],
  "launch-name": ["tag:Name"],
  "launch-key": ["KeyName"],
  "launch-groups": ["SecurityGroupId", "security_groups"],
  "launch-tags": ["tag:"],
  "launch-wait": ["wait"],
};

/** The beginnings of EC2's own codes, whose messages name no parameter. */
const CODES = {
  "launch-image": ["InvalidAMI"],
  "launch-type": ["InvalidInstanceType", "Unsupported"],
  "launch-key": ["InvalidKeyPair"],
  "launch-groups": ["InvalidGroup", "InvalidSecurityGroup"],
};

/**
 * @param {string} id
 * @returns {Field}
 */
function field(id) {
  const element = byId(id);
  return /** @type {Field} */ (element);
}

/**
 * Returns the trimmed text of a field.
 * @param {string} id
 */
function textOf(id) {
  return field(id).value.trim();
}

/** Fills the regions, and selects the first one that is listed. What was chosen stays. */
export function drawLaunchRegions() {
  if (!session) return;
  const select = field("launch-region");
  const chosen = select.value || [...session.lists.keys()][0];
  const names = session.regions.map((region) => region.name).sort();
  select.replaceChildren(...names.map((name) => make("option", { value: name }, name)));
  if (chosen && names.includes(chosen)) select.value = chosen;
}

/**
 * Returns the launch that the fields describe: the body of the request.
 * @returns {Record<string, string>}
 */
export function launchBody() {
  /** @type {Record<string, string>} */
  const body = { region_name: textOf("launch-region") };
  const members = {
    image_id: textOf("launch-image"),
    InstanceType: textOf("launch-type"),
    MinCount: textOf("launch-count"),
    KeyName: textOf("launch-key"),
    security_groups: textOf("launch-groups"),
    wait: textOf("launch-wait"),
  };
  for (const [name, value] of Object.entries(members)) if (value) body[name] = value;
  const name = textOf("launch-name");
  for (const [key, value] of tags()) body[`tag:${key}`] = value;
  if (name) body["tag:Name"] = name;
  return body;
}

/**
 * Returns the tags, one in each line: KEY=VALUE.
 * @returns {[string, string][]}
 */
function tags() {
  const lines = field("launch-tags")
    .value.split("\n")
    .map((line) => line.trim());
  return lines.filter(Boolean).map((line) => {
    const [key = "", ...value] = line.split("=");
    return [key.trim(), value.join("=").trim()];
  });
}

/**
 * Shows an error of the API at the field that it names, and moves the focus there. Returns whether
 * there is such a field.
 * @param {ApiError} error
 */
export function showFieldError(error) {
  const byParameter = Object.entries(PARAMETERS).find(([, names]) =>
    names.some((name) => {
      // Every tag but those with a field of their own.
      if (name.endsWith(":")) return error.message.startsWith(name);
      return error.message === name || error.message.startsWith(`${name} `);
    }),
  );
  const byCode = Object.entries(CODES).find(([, codes]) =>
    codes.some((code) => error.code.startsWith(code)),
  );
  const id = (byParameter ?? byCode)?.[0];
  if (!id) return false;
  const text = advise(error);
  const message = byId(`${id}-error`);
  message.textContent = text;
  message.hidden = false;
  setAttribute(field(id), "aria-invalid", "true");
  announce(text);
  field(id).focus();
  return true;
}

/** Removes the errors at the fields. */
export function clearFieldErrors() {
  for (const id of Object.keys(PARAMETERS)) clearFieldError(id);
}

/**
 * @param {string} id
 */
function clearFieldError(id) {
  byId(`${id}-error`).hidden = true;
  byId(`${id}-error`).textContent = "";
  setAttribute(field(id), "aria-invalid", null);
}

/** Empties the fields. */
export function forgetLaunch() {
  byId("launch-form", HTMLFormElement).reset();
  field("launch-region").replaceChildren();
  clearFieldErrors();
}

for (const id of Object.keys(PARAMETERS)) {
  field(id).addEventListener("input", () => clearFieldError(id));
}
