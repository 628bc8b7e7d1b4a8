// @ts-check
// The fields of forms, each with the error of the API that is about it: the element whose ID is
// that of the field and `-error`.

import { byId, setAttribute } from "./dom.js";
import { advise, sentenceOf } from "./errors.js";
import { announce } from "./messages.js";

/** @import { ApiError } from "./api.js" */

/** @typedef {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} Field */

/**
 * The fields of a form by their IDs, with the parameters whose errors stand there. A name that ends
 * with a colon is the beginning of parameters.
 * @typedef {Record<string, string[]>} FormFields
 */

/**
 * @param {string} id
 * @returns {Field}
 */
export function field(id) {
  const element = byId(id);
  return /** @type {Field} */ (element);
}

/**
 * Returns the trimmed text of a field.
 * @param {string} id
 */
export function textOf(id) {
  return field(id).value.trim();
}

/**
 * Writes a tag as one line of a field.
 * @param {[string, string]} tag
 */
export function tagLine([key, value]) {
  return `${key}=${value}`;
}

/**
 * Returns the tags that a field has, one in each line: KEY=VALUE. A line of a tag that is known is
 * that tag: its key may have an equals sign in it, and its value spaces at its ends.
 * @param {string} id
 * @param {[string, string][]} [known]
 * @returns {[string, string][]}
 */
export function tagsOf(id, known = []) {
  const lines = field(id)
    .value.split("\n")
    .filter((line) => line.trim());
  const left = [...known];
  return lines.map((line) => {
    const index = left.findIndex((tag) => tagLine(tag) === line);
    const [same] = index < 0 ? [] : left.splice(index, 1);
    if (same) return same;
    const [key = "", ...value] = line.split("=");
    return [key.trim(), value.join("=").trim()];
  });
}

/**
 * Shows an error of the API at the field that it names, and moves the focus there. Returns whether
 * there is such a field.
 * @param {ApiError} error
 * @param {FormFields} fields
 * @param {FormFields} [codes] the beginnings of codes whose messages name no parameter
 */
export function showFieldError(error, fields, codes = {}) {
  // What AWS says of another account begins with that account, and names no parameter.
  const isOfAccount = /^account \S+: /.test(error.message);
  const byParameter = Object.entries(fields).find(([, names]) =>
    names.some((name) => {
      if (isOfAccount) return false;
      // Every tag but those with a field of their own.
      if (name.endsWith(":")) return error.message.startsWith(name);
      return error.message === name || error.message.startsWith(`${name} `);
    }),
  );
  const byCode = Object.entries(codes).find(([, starts]) =>
    starts.some((start) => error.code.startsWith(start)),
  );
  const id = (byParameter ?? byCode)?.[0];
  if (!id || field(id).closest("[hidden]")) return false;
  // The advice of 404 and 409 is about instances of the list.
  const isAdvised =
    ![404, 409].includes(error.status) || error.code.startsWith("InvalidInstanceID");
  const text = isAdvised ? advise(error) : sentenceOf(error);
  const message = byId(`${id}-error`);
  message.textContent = text;
  message.hidden = false;
  setAttribute(field(id), "aria-invalid", "true");
  const closed = field(id).closest("details:not([open])");
  if (closed instanceof HTMLDetailsElement) closed.open = true;
  announce(text);
  field(id).focus();
  return true;
}

/**
 * Removes the errors at the fields.
 * @param {FormFields} fields
 */
export function clearFieldErrors(fields) {
  for (const id of Object.keys(fields)) clearFieldError(id);
}

/**
 * @param {string} id
 */
function clearFieldError(id) {
  byId(`${id}-error`).hidden = true;
  byId(`${id}-error`).textContent = "";
  setAttribute(field(id), "aria-invalid", null);
}

/**
 * Lets the error at a field go as soon as its text changes.
 * @param {FormFields} fields
 */
export function forgetErrorsOnInput(fields) {
  for (const id of Object.keys(fields)) {
    field(id).addEventListener("input", () => clearFieldError(id));
  }
}
