// @ts-check
// The rows of the list as CSV, made by the browser without a further request.

import { byId, make } from "./dom.js";
import { announce } from "./messages.js";
import { matchingRows, shownColumns } from "./view.js";

/**
 * The characters that begin a formula, in both widths, at the start of a cell or after a character
 * that a spreadsheet may take for the start of another one. As in the CSV of the API.
 */
const FORMULA = /(?<=^|[\s\p{Cc};,"])[=+\-@\uff1d\uff0b\uff0d\uff20]/gu;

/**
 * Returns a cell that no spreadsheet evaluates: anyone may write names and tags.
 * @param {string} text
 */
function csvCell(text) {
  const escaped = text.replace(FORMULA, "'$&").replace(/^(?=\p{Cc})/u, "'");
  return /[",\r\n]/.test(escaped) ? `"${escaped.replaceAll('"', '""')}"` : escaped;
}

/** Returns the matching rows of all pages, with the chosen columns, as CSV by RFC 4180. */
function csvOfShown() {
  const columns = shownColumns();
  const lines = [columns.map(([, title]) => title)];
  for (const row of matchingRows().found) lines.push(columns.map(([column]) => row[column]));
  return lines.map((cells) => `${cells.map(csvCell).join()}\r\n`).join("");
}

byId("csv").addEventListener("click", () => {
  const file = new Blob([csvOfShown()], { type: "text/csv;charset=utf-8" });
  const url = URL.createObjectURL(file);
  const day = new Date().toISOString().slice(0, 10);
  make("a", { href: url, download: `instances-${day}.csv` }).click();
  // Not at once: the browser may not have read it yet.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
  announce("The list is saved as CSV.");
});
