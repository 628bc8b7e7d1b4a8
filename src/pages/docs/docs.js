// @ts-check
// The API reference: shows openapi.json. It only shows: requests are sent by the console or curl.

import { byId, make, setText } from "./../console/dom.js";
import { operationContent, parameterNames } from "./operation.js";
import { fillOnceOpened } from "./parts.js";
import { inlineProse, prose } from "./prose.js";

/** @import { OpenApi, Operation } from "./operation.js" */

/** The path of the API: this page is at docs or docs/ below it, behind whatever stage or path. */
const root = location.pathname.replace(/docs\/?$/, "");

const METHODS = ["get", "head", "post", "put", "delete"];

/** @typedef {{ element: HTMLDetailsElement, text: string }} DrawnOperation */

/** @type {DrawnOperation[]} */
const operations = [];

/**
 * Loads the document. Null if that does not work, which the page says.
 * @returns {Promise<OpenApi | null>}
 */
async function loadDocument() {
  setText(byId("status"), "Loading.");
  try {
    const response = await fetch(`${root}openapi.json`, { credentials: "omit" });
    if (!response.ok) throw new Error(`status ${response.status}`);
    return await response.json();
  } catch (error) {
    setText(byId("status"), "The document could not be loaded. Reload this page to try again.");
    console.error(error);
    return null;
  }
}

/** Loads the document, and shows it. */
async function showReference() {
  const openapi = await loadDocument();
  if (!openapi) return;
  const { title, version, description } = openapi.info;
  const about = [make("h2", {}, `${title} ${version}`), ...prose(description)];
  const schemes = Object.values(openapi.components.securitySchemes);
  const ways = schemes.map(
    ({ in: place = "header", name = "Authorization: Bearer", description }) =>
      make("li", {}, make("code", {}, name), ` in the ${place}: `, ...inlineProse(description)),
  );
  byId("about").append(...about, make("h2", {}, "Authentication"), make("ul", {}, ...ways));
  for (const { name, description } of openapi.tags) {
    const section = make("section", {}, make("h2", {}, name), ...prose(description));
    section.append(...drawTag(openapi, name));
    byId("reference").append(section);
  }
  const search = byId("search", HTMLInputElement);
  search.addEventListener("input", () => filter(search.value));
  search.closest("[role=search]")?.removeAttribute("hidden");
  setText(byId("status"), "");
  addEventListener("hashchange", openLinked);
  openLinked();
}

/**
 * Returns the elements of the operations with a tag.
 * @param {OpenApi} openapi
 * @param {string} tag
 */
function drawTag(openapi, tag) {
  return Object.entries(openapi.paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const operation = item[method];
      if (!operation?.tags.includes(tag)) return [];
      // Those of the path are those of each of its operations.
      const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])];
      return [drawOperation(openapi, path, method, { ...operation, parameters })];
    }),
  );
}

/**
 * Returns the element of an operation. Its content is made when it is opened.
 * @param {OpenApi} openapi
 * @param {string} path
 * @param {string} method
 * @param {Operation} operation
 */
function drawOperation(openapi, path, method, operation) {
  const summary = make(
    "summary",
    {},
    make("strong", { className: `method ${method}` }, method.toUpperCase()),
    make("code", {}, path),
    make("span", {}, ...inlineProse(operation.summary)),
  );
  const element = make("details", { id: operation.operationId }, summary);
  fillOnceOpened(element, () => [operationContent(openapi, operation)]);
  element.addEventListener("toggle", () => {
    if (element.open) history.replaceState(null, "", `#${element.id}`);
  });
  const names = parameterNames(openapi, operation);
  const text = [method, path, operation.operationId, operation.summary, ...names].join("\n");
  operations.push({ element, text: text.toLowerCase() });
  return element;
}

/**
 * Shows the operations with all these words, and no others.
 * @param {string} text
 */
function filter(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  for (const { element, text } of operations) {
    element.hidden = !words.every((word) => text.includes(word));
  }
  /** @type {NodeListOf<HTMLElement>} */
  const sections = byId("reference").querySelectorAll("section");
  for (const section of sections) section.hidden = !section.querySelector("details:not([hidden])");
  const found = operations.filter(({ element }) => !element.hidden).length;
  setText(byId("status"), words.length ? `${found} of ${operations.length} operations` : "");
}

/** Opens the operation of the link. */
function openLinked() {
  const linked = operations.find(({ element }) => `#${element.id}` === location.hash)?.element;
  if (!linked) return;
  byId("search", HTMLInputElement).value = "";
  filter("");
  linked.open = true;
  linked.scrollIntoView();
}

byId("console", HTMLAnchorElement).href = root;
byId("document", HTMLAnchorElement).href = `${root}openapi.json`;
showReference();
