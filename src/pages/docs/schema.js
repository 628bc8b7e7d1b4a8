// @ts-check
// JSON Schema in words.

import { make } from "./../console/dom.js";
import { fillOnceOpened, term } from "./parts.js";
import { prose } from "./prose.js";

/** @import { OpenApi } from "./operation.js" */

/**
 * @typedef {object} Schema the keywords that are shown
 * @property {string} [$ref]
 * @property {string | string[]} [type]
 * @property {string} [format]
 * @property {string} [description]
 * @property {unknown[]} [enum]
 * @property {number} [minimum]
 * @property {number} [maximum]
 * @property {number} [maxItems]
 * @property {number} [maxLength]
 * @property {Schema} [items]
 * @property {Schema[]} [oneOf]
 * @property {Schema[]} [anyOf]
 * @property {Record<string, Schema>} [properties]
 * @property {Record<string, Schema>} [patternProperties]
 * @property {Schema | boolean} [additionalProperties]
 * @property {string[]} [required]
 */

const WORDS = { string: "text", integer: "whole number", array: "list" };

/** The formats of texts that are said. */
const FORMATS = { "date-time": "a time", binary: "bytes", uri: "a URL" };

/**
 * Returns the name of the component that is referred to; empty if none is.
 * @param {{ $ref?: string }} schemaOrResponse
 */
export function nameOf({ $ref = "" }) {
  return $ref.split("/").at(-1) ?? "";
}

/**
 * Returns what a schema refers to, or itself.
 * @param {OpenApi} openapi
 * @param {Schema} schema
 */
function resolved(openapi, schema) {
  return openapi.components.schemas[nameOf(schema)] ?? schema;
}

/**
 * Returns the type of a value in words.
 * @param {OpenApi} openapi
 * @param {Schema} schema
 * @returns {string}
 */
export function typeText(openapi, schema) {
  const target = resolved(openapi, schema);
  // Objects are shown by their names, other schemas by their types.
  if (schema.$ref && target.properties) return nameOf(schema);
  const choices = target.oneOf ?? target.anyOf;
  if (choices) {
    return [...new Set(choices.map((choice) => typeText(openapi, choice)))].join(" or ");
  }
  if (target.enum) return target.enum.map((value) => JSON.stringify(value)).join(", ");
  const types = target.type === undefined ? ["anything"] : [target.type].flat();
  return types.map((type) => typeWord(openapi, type, target)).join(" or ");
}

/**
 * @param {OpenApi} openapi
 * @param {string} type one of those of the schema
 * @param {Schema} schema
 * @returns {string}
 */
function typeWord(openapi, type, schema) {
  const { items, additionalProperties: others, format = "", maxItems, maxLength } = schema;
  if (type === "array" && items) {
    return `list of ${typeText(openapi, items)}${maxItems ? `, at most ${maxItems}` : ""}`;
  }
  if (type === "object" && typeof others === "object") return `map of ${typeText(openapi, others)}`;
  const word = Reflect.get(WORDS, type) ?? type;
  if (type === "string") {
    const length = maxLength ? ` of at most ${maxLength} characters` : "";
    return Reflect.get(FORMATS, format) ?? `${word}${length}`;
  }
  return ["integer", "number"].includes(type) ? `${word}${rangeText(schema)}` : word;
}

/**
 * @param {Schema} schema
 */
function rangeText({ minimum, maximum }) {
  if (minimum === undefined) return maximum === undefined ? "" : `, at most ${maximum}`;
  return maximum === undefined ? `, at least ${minimum}` : `, ${minimum} to ${maximum}`;
}

/**
 * Returns the objects that a value may be, or that a list may have, by their names.
 * @param {OpenApi} openapi
 * @param {Schema} schema
 * @param {Set<Schema>} [visited]
 * @returns {Map<string, Schema>}
 */
function objectSchemas(openapi, schema, visited = new Set()) {
  const target = resolved(openapi, schema);
  if (visited.has(target)) return new Map();
  visited.add(target);
  if (target.properties) return new Map([[nameOf(schema), target]]);
  const parts = target.oneOf ?? target.anyOf ?? (target.items ? [target.items] : []);
  return new Map(parts.flatMap((part) => [...objectSchemas(openapi, part, visited)]));
}

/**
 * Returns the name of the members whose names have a pattern, such as tag:KEY.
 * @param {string} pattern
 */
function patternMemberName(pattern) {
  return `${/^\^([a-z]+:)/.exec(pattern)?.[1] ?? ""}KEY`;
}

/**
 * Returns the names of the members of an object with their schemas.
 * @param {Schema} object
 * @returns {[string, Schema][]}
 */
function membersOf({ properties = {}, patternProperties = {} }) {
  const named = Object.entries(patternProperties);
  return [
    ...Object.entries(properties),
    ...named.map(
      ([pattern, schema]) => /** @type {[string, Schema]} */ ([patternMemberName(pattern), schema]),
    ),
  ];
}

/**
 * Returns the names of the members of a value.
 * @param {OpenApi} openapi
 * @param {Schema} schema
 */
export function memberNames(openapi, schema) {
  const objects = [...objectSchemas(openapi, schema).values()];
  return objects.flatMap((object) => membersOf(object).map(([name]) => name));
}

/**
 * Returns the members of a value: a list for each object that it may be.
 * @param {OpenApi} openapi
 * @param {Schema} schema
 */
export function memberLists(openapi, schema) {
  return [...objectSchemas(openapi, schema)].map(([name, object]) => {
    const items = membersOf(object).flatMap(([member, schema]) => {
      const required = object.required?.includes(member) ? ", required" : "";
      const note = `${typeText(openapi, schema)}${required}`;
      const description = schema.description ?? resolved(openapi, schema).description;
      const definition = make("dd", {}, ...prose(description));
      if (objectSchemas(openapi, schema).size) definition.append(nested(openapi, schema));
      return [term(member, note), definition];
    });
    const title = name ? [make("p", {}, make("strong", {}, name))] : [];
    return make("div", { className: "members" }, ...title, make("dl", {}, ...items));
  });
}

/**
 * Returns the members of a member. They are made when they are opened: a schema may have itself as
 * a member.
 * @param {OpenApi} openapi
 * @param {Schema} schema
 */
function nested(openapi, schema) {
  const element = make("details", {}, make("summary", {}, "Members"));
  fillOnceOpened(element, () => memberLists(openapi, schema));
  return element;
}
