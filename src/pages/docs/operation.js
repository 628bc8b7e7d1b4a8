// @ts-check
// What the reference shows of an operation.

import { make } from "./../console/dom.js";
import { fillOnceOpened, term } from "./parts.js";
import { inlineProse, prose } from "./prose.js";
import { memberLists, memberNames, nameOf, typeText } from "./schema.js";

/** @import { Schema } from "./schema.js" */

/**
 * @typedef {object} OpenApi the parts that are shown
 * @property {{ title: string, version: string, description: string }} info
 * @property {{ name: string, description: string }[]} tags
 * @property {Record<string, PathItem>} paths
 * @property {Components} components
 */

/** @typedef {Record<string, Operation> & { parameters?: Parameter[] }} PathItem */

/**
 * @typedef {object} Components
 * @property {Record<string, Schema>} schemas
 * @property {Record<string, ApiResponse>} responses
 * @property {Record<string, SecurityScheme>} securitySchemes
 */

/** @typedef {{ in?: string, name?: string, description: string }} SecurityScheme */

/**
 * @typedef {object} Operation
 * @property {string} operationId
 * @property {string[]} tags
 * @property {string} summary
 * @property {string} [description]
 * @property {Parameter[]} [parameters]
 * @property {RequestBody} [requestBody]
 * @property {object[]} [security] empty: no authentication
 * @property {Record<string, ApiResponse>} responses
 */

/**
 * @typedef {object} RequestBody
 * @property {string} [description]
 * @property {boolean} [required]
 * @property {Record<string, Media>} content
 */

/**
 * @typedef {object} Parameter
 * @property {string} name
 * @property {string} in
 * @property {boolean} [required]
 * @property {string} [description]
 * @property {Schema} schema
 * @property {unknown} [example]
 * @property {boolean} [explode]
 */

/** @typedef {{ schema?: Schema, example?: unknown, examples?: Record<string, Example> }} Media */

/** @typedef {{ summary?: string, value: unknown }} Example */

/**
 * @typedef {object} ApiResponse
 * @property {string} [$ref]
 * @property {string} description
 * @property {Record<string, unknown>} [headers]
 * @property {Record<string, Media>} [content]
 */

/**
 * Returns the names of the parameters of an operation, also of those in its body.
 * @param {OpenApi} openapi
 * @param {Operation} operation
 */
export function parameterNames(openapi, { parameters = [], requestBody }) {
  const schemas = Object.values(requestBody?.content ?? {}).map(({ schema }) => schema ?? {});
  const inBody = schemas.flatMap((schema) => memberNames(openapi, schema));
  return [...parameters.map(({ name }) => name), ...inBody];
}

/**
 * Returns the content of an operation: description, parameters, body and responses.
 * @param {OpenApi} openapi
 * @param {Operation} operation
 */
export function operationContent(openapi, operation) {
  const { description, parameters = [], requestBody, responses, security } = operation;
  const content = make("div", { className: "operation" }, ...prose(description));
  if (security?.length === 0) content.append(make("p", {}, "It needs no authentication."));
  if (parameters.length) {
    content.append(make("h3", {}, "Parameters"), parameterList(openapi, parameters));
  }
  if (requestBody) {
    const title = requestBody.required ? "Body, required" : "Body";
    content.append(make("h3", {}, title), ...prose(requestBody.description));
    content.append(...mediaParts(openapi, requestBody.content));
  }
  content.append(make("h3", {}, "Responses"));
  for (const [status, response] of Object.entries(responses)) {
    content.append(responseDetails(openapi, status, response));
  }
  return content;
}

/**
 * @param {OpenApi} openapi
 * @param {Parameter[]} parameters
 */
function parameterList(openapi, parameters) {
  const items = parameters.flatMap((parameter) => {
    const { name, in: place, required, description, schema, example, explode } = parameter;
    const { additionalProperties: value } = schema;
    // Each member of such an object is a parameter, such as tag:KEY.
    const isExploded = explode && typeof value === "object";
    const type = typeText(openapi, isExploded ? value : schema);
    const note = `${type}, in the ${place}${required ? ", required" : ""}`;
    const isShown = example !== undefined && typeof example !== "object";
    const suchAs = isShown ? [make("p", { className: "quiet" }, `Such as ${example}`)] : [];
    return [term(name, note), make("dd", {}, ...prose(description), ...suchAs)];
  });
  return make("dl", {}, ...items);
}

/**
 * Returns what each type of content has: its members, and examples.
 * @param {OpenApi} openapi
 * @param {Record<string, Media>} content
 */
function mediaParts(openapi, content) {
  return Object.entries(content).flatMap(([type, { schema, example, examples = {} }]) => {
    const name = schema ? `${type}: ${typeText(openapi, schema)}` : type;
    const lists = schema ? memberLists(openapi, schema) : [];
    const all = Object.entries(examples).map(([key, { summary, value }]) => ({
      title: summary ?? key,
      value,
    }));
    if (example !== undefined) all.push({ title: "Example", value: example });
    const details = all.map(({ title, value }) => exampleDetails(title, value));
    return [make("p", { className: "quiet" }, name), ...lists, ...details];
  });
}

/**
 * @param {string} title
 * @param {unknown} value
 */
function exampleDetails(title, value) {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return make(
    "details",
    { className: "example" },
    make("summary", {}, ...inlineProse(title)),
    make("pre", { tabIndex: 0, role: "group", "aria-label": title }, make("code", {}, text)),
  );
}

/**
 * @param {OpenApi} openapi
 * @param {string} status
 * @param {ApiResponse} responseOrRef
 */
function responseDetails(openapi, status, responseOrRef) {
  const response = openapi.components.responses[nameOf(responseOrRef)] ?? responseOrRef;
  const headers = Object.keys(response.headers ?? {}).join(", ");
  const details = make("details", { className: "response" });
  const text = response.description.split("\n\n")[0] ?? "";
  details.append(make("summary", {}, make("strong", {}, status), " ", ...inlineProse(text)));
  fillOnceOpened(details, () => {
    const names = headers ? [make("p", { className: "quiet" }, `Headers: ${headers}`)] : [];
    return [...mediaParts(openapi, response.content ?? {}), ...names];
  });
  return details;
}
