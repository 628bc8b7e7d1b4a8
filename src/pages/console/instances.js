// @ts-check
// Instances, from the API's form to the rows of the list.

/**
 * An instance as the API lists it.
 * @typedef {object} ApiInstance
 * @property {string} id
 * @property {string | null} [name]
 * @property {string} [instance-state]
 * @property {string} [instance-type]
 * @property {string | null} [private-ip]
 * @property {string | null} [public-ip]
 * @property {string} [availability-zone]
 * @property {string} [launch-time]
 * @property {Record<string, string>} [tags]
 * @property {string} [image-id]
 * @property {string} [key-name]
 * @property {string} [vpc-id]
 * @property {string} [subnet-id]
 * @property {{ GroupId?: string, GroupName?: string }[]} [security-group-ids]
 * @property {string} [architecture]
 * @property {string} [platform]
 * @property {string} [public-dns-name]
 * @property {string[]} [ipv6-addresses]
 * @property {string | null} [state-reason]
 * @property {string} [lifecycle]
 * @property {string | null} [operator]
 */

/**
 * @typedef {"name" | "id" | "state" | "type" | "private" | "public" | "zone" | "launched"} Column
 */

/**
 * A row of the list: a text for each column, and what is derived from the instance.
 * @typedef {Record<Column, string> & {
 *   region: string,
 *   source: ApiInstance,
 *   tags: [string, string][],
 *   label: string,
 *   text: string,
 *   tagsJson: string,
 * }} Row `label` is the name, or the ID without one; `text` is searched, in lower case
 */

/** @type {[Column, string][]} */
export const COLUMNS = [
  ["name", "Name"],
  ["id", "ID"],
  ["state", "State"],
  ["type", "Type"],
  ["private", "Private IP"],
  ["public", "Public IP"],
  ["zone", "Zone"],
  ["launched", "Launched"],
];

/**
 * Returns the row of an instance.
 * @param {string} region
 * @param {ApiInstance} source
 * @returns {Row}
 */
export function toRow(region, source) {
  const tags = Object.entries(source.tags ?? {});
  const columns = {
    name: source.name ?? "",
    id: source.id,
    state: source["instance-state"] ?? "unknown",
    type: source["instance-type"] ?? "",
    private: source["private-ip"] ?? "",
    public: source["public-ip"] ?? "",
    zone: source["availability-zone"] ?? region,
    launched: source["launch-time"] ?? "",
  };
  const { name, id, type, zone } = columns;
  const tagTexts = tags.flatMap(([key, value]) => [key, `${key}=${value}`]);
  return {
    ...columns,
    region,
    source,
    tags,
    label: name.trim() ? name : id,
    text: [name, id, type, columns.private, columns.public, zone, ...tagTexts]
      .join("\n")
      .toLowerCase(),
    tagsJson: JSON.stringify(tags),
  };
}

/**
 * Returns a time in the reader's time zone, such as 2026-01-31 09:05; other texts as they are.
 * @param {string} time
 */
export function localTime(time) {
  const date = new Date(time);
  if (!time || Number.isNaN(date.getTime())) return time;
  const [month, day, hour, minute] = [
    date.getMonth() + 1,
    date.getDate(),
    date.getHours(),
    date.getMinutes(),
  ].map((number) => String(number).padStart(2, "0"));
  return `${date.getFullYear()}-${month}-${day} ${hour}:${minute}`;
}
