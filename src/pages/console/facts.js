// @ts-check
// The facts of an instance: its members, and the reason for its state.

import { CALLER_TAG, localTime, REQUEST_TAG } from "./instances.js";

/** @import { Row } from "./instances.js" */

/**
 * @typedef {object} Fact
 * @property {string} title
 * @property {string} value
 * @property {boolean} [copied] whether a button copies the value
 * @property {boolean} [isTag] whether a button filters the list by it
 */

/**
 * Returns the facts of an instance that have a value.
 * @param {Row} row
 * @returns {Fact[]}
 */
export function facts(row) {
  const { source } = row;
  const { tags = {} } = source;
  const groups = (source["security-group-ids"] ?? []).map(({ GroupId, GroupName }) =>
    [GroupId, GroupName].filter(Boolean).join(" "),
  );
  /** @type {[title: string, value: string | null | undefined, copied?: boolean][]} */
  const all = [
    ["ID", row.id, true],
    ["State", row.state],
    ["Reason", source["state-reason"]],
    ["Type", row.type],
    ["Lifecycle", source.lifecycle],
    ["Operator", source.operator],
    ["Zone", row.zone],
    ["Account", [...new Set([row.account, source.account])].filter(Boolean).join(" ")],
    ["Launched", localTime(row.launched)],
    ["Launched by", tags[CALLER_TAG]],
    ["Request", tags[REQUEST_TAG], true],
    ["Private IP", row.private, true],
    ["Public IP", row.public, true],
    ["Public name", source["public-dns-name"], true],
    ...(source["ipv6-addresses"] ?? []).map(
      (address) => /** @type {[string, string, boolean]} */ (["IPv6", address, true]),
    ),
    ["Image", source["image-id"]],
    ["Architecture", source.architecture],
    ["Platform", source.platform],
    ["Key pair", source["key-name"]],
    ["VPC", source["vpc-id"]],
    ["Subnet", source["subnet-id"]],
    ["Security groups", groups.join(", ")],
  ];
  return all.flatMap(([title, value, copied]) => (value ? [{ title, value, copied }] : []));
}
