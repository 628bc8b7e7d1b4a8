// @ts-check
// Instances, from the API's form to the rows of the list.

/** @import { Account } from "./accounts.js" */

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
 * @property {string | null} [keep-until]
 * @property {string | null} [client-token]
 * @property {string | null} [account]
 */

/**
 * @typedef {"name" | "id" | "state" | "type" | "private" | "public" | "zone" | "launched"
 *   | "region" | "account" | "lifecycle" | "reason" | "image" | "caller" | "kept"
 *   | "tagList"} Column
 */

/**
 * A row of the list: a text for each column, and what is derived from the instance.
 * @typedef {Record<Column, string> & {
 *   source: ApiInstance,
 *   tags: [string, string][],
 *   accountName: string,
 *   label: string,
 *   text: string,
 *   tagsJson: string,
 * }} Row `accountName` is empty for the function's own account; `label` is the name, or the ID
 *   without one; `text` is searched, in lower case
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
  ["region", "Region"],
  ["account", "Account"],
  ["lifecycle", "Lifecycle"],
  ["reason", "Reason"],
  ["image", "Image"],
  ["caller", "Launched by"],
  ["kept", "Kept until"],
  ["tagList", "Tags"],
];

/** The columns that are shown unless others are chosen. @type {Column[]} */
export const DEFAULT_COLUMNS = COLUMNS.slice(0, 8).map(([column]) => column);

/** The states of instances, in the order of their filters. */
export const STATES = ["running", "stopped", "pending", "stopping", "shutting-down", "terminated"];

/** The tags that a launch by this API sets: who launched, and by which request. */
export const CALLER_TAG = "ec2-control-api:caller";
export const REQUEST_TAG = "ec2-control-api:request";

/**
 * Returns the row of an instance.
 * @param {string} region
 * @param {ApiInstance} source
 * @param {string} listed the account of the list, or `all`
 * @param {Account[]} accounts
 * @returns {Row}
 */
export function toRow(region, source, listed, accounts) {
  const account = accountOf(source, listed, accounts);
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
    region,
    account: account || (accounts.length > 1 ? "own" : ""),
    lifecycle: source.lifecycle ?? "",
    reason: source["state-reason"] ?? "",
    image: source["image-id"] ?? "",
    caller: source.tags?.[CALLER_TAG] ?? "",
    kept: source["keep-until"] ?? "",
    tagList: tags.map(([key, value]) => `${key}=${value}`).join(";"),
  };
  const { name, id, type, zone } = columns;
  // Not the function's own tags: nearly all instances would be found by the name of a key.
  const tagTexts = tags
    .filter(([key]) => !key.startsWith("ec2-control-api:"))
    .flatMap(([key, value]) => [key, `${key}=${value}`]);
  return {
    ...columns,
    source,
    tags,
    label: name.trim() ? name : id,
    accountName: account,
    text: [name, id, type, columns.private, columns.public, zone, columns.account, ...tagTexts]
      .join("\n")
      .toLowerCase(),
    tagsJson: JSON.stringify(tags),
  };
}

/**
 * Returns the name of the account of an instance, or the number if the name is not known; empty for
 * the function's own.
 * @param {ApiInstance} source
 * @param {string} listed
 * @param {Account[]} accounts
 */
function accountOf(source, listed, accounts) {
  if (listed !== "all") return listed;
  const account = accounts.find(({ id }) => id === source.account);
  if (account) return account.name ?? "";
  // Also a number that GET /accounts does not show, the own one included: never another account.
  return source.account ?? "";
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
