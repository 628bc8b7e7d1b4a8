// @ts-check
// The fields of the form that launches instances, and what they mean.

import { accountQuery, drawAccountOptions } from "./accounts.js";
import { byId, make } from "./dom.js";
import { on } from "./events.js";
import { clearFieldErrors, field, forgetErrorsOnInput, tagsOf, textOf } from "./fields.js";
import { nameMatcher } from "./launch-limits.js";
import { drawRegionOptions } from "./regions.js";
import { listFor, session } from "./session.js";

/** @import { FormFields } from "./fields.js" */
/** @import { ApiInstance } from "./instances.js" */

/** @type {FormFields} */
export const LAUNCH_FIELDS = {
  "launch-region": ["region_name"],
  "launch-account": ["account"],
  "launch-image": ["ImageId", "image_id"],
  "launch-type": ["InstanceType"],
  "launch-count": ["MinCount", "MaxCount"],
  "launch-name": ["tag:Name"],
  "launch-key": ["KeyName"],
  "launch-groups": ["SecurityGroupId", "security_groups"],
  "launch-tags": ["tag:"],
  "launch-wait": ["wait"],
  "launch-end": ["stop_after", "terminate_after"],
  "launch-spot": ["spot"],
  "launch-subnet": ["SubnetId"],
  "launch-template": ["LaunchTemplate"],
  "launch-profile": ["InstanceProfile"],
  "launch-user-data": ["UserData"],
};

/** Of EC2 and of the deployment's limits. @type {FormFields} */
export const LAUNCH_CODES = {
  "launch-image": ["InvalidAMI"],
  "launch-type": ["InvalidInstanceType", "InstanceTypeNotAllowed", "Unsupported"],
  "launch-count": ["TooManyInstances"],
  "launch-tags": ["ReservedTag"],
  "launch-key": ["InvalidKeyPair"],
  "launch-groups": ["InvalidGroup", "InvalidSecurityGroup"],
  "launch-spot": ["InvalidSpot", "SpotMaxPriceTooLow", "MaxSpotInstanceCountExceeded"],
  "launch-subnet": ["InvalidSubnet", "InsufficientFreeAddressesInSubnet"],
  "launch-template": ["InvalidLaunchTemplate"],
  "launch-profile": ["InvalidIamInstanceProfile", "InstanceProfileNotAllowed"],
  "launch-user-data": ["InvalidUserData"],
};

/** Whether somebody has typed or chosen something in the form. */
let isEdited = false;

/**
 * Fills regions and accounts, and selects the first one that is listed, else the deployment's
 * default. In a form in use, what is selected stays.
 */
export function drawLaunchPlaces() {
  if (!session) return;
  if (!isEdited) field("launch-region").replaceChildren();
  const first = [...session.lists.values()][0];
  drawRegionOptions("launch-region", first?.region ?? session.limits?.DefaultRegion);
  drawAccountOptions("launch-account", first?.account);
  drawSuggestions();
}

/**
 * What the listed instances have, as suggestions for fields: the deployment has no list of key
 * pairs and the like, and asking AWS for one would need more permissions. What it allows comes
 * first.
 * @type {Record<string, (instance: ApiInstance) => [value?: string, note?: string][]>}
 */
const SUGGESTED = {
  "launch-image-list": (instance) => [[instance["image-id"], instance.platform]],
  "launch-type-list": (instance) => [[instance["instance-type"]]],
  "launch-key-list": (instance) => [[instance["key-name"]]],
  "launch-groups-list": (instance) =>
    (instance["security-group-ids"] ?? []).map(({ GroupId, GroupName }) => [GroupId, GroupName]),
  "launch-profile-list": () => [],
  "launch-subnet-list": (instance) => [[instance["subnet-id"], instance["availability-zone"]]],
};

/** The most suggestions for a field. */
const MAX_SUGGESTED = 30;

/**
 * Returns what the deployment allows in a field; null: everything.
 * @param {string} list the ID of its suggestions
 */
function allowedIn(list) {
  if (list === "launch-type-list") return session?.limits?.InstanceTypes ?? null;
  return list === "launch-profile-list" ? (session?.limits?.InstanceProfiles ?? []) : null;
}

/**
 * Suggests what the deployment allows, and of that what the instances of the chosen region and
 * account have.
 */
function drawSuggestions() {
  const account = textOf("launch-account");
  const { rows = [] } = listFor(textOf("launch-region"), account) ?? {};
  for (const [id, valuesOf] of Object.entries(SUGGESTED)) {
    /** @type {Map<string, string>} */
    const notes = new Map();
    const allowed = allowedIn(id);
    const isAllowed = allowed ? nameMatcher(allowed) : () => true;
    for (const name of allowed ?? []) if (!name.includes("*")) notes.set(name, "");
    for (const { source, accountName } of rows) {
      if (notes.size >= MAX_SUGGESTED) break;
      if (accountName !== account) continue;
      for (const [value, note] of valuesOf(source)) {
        if (value && isAllowed(value)) notes.set(value, note ?? "");
      }
    }
    const options = [...notes].map(([value, label]) => make("option", { value, label }));
    byId(id).replaceChildren(...options);
  }
}

/**
 * Returns the launch that the fields describe: the body of the request.
 * @returns {Record<string, string>}
 */
export function launchBody() {
  /** @type {Record<string, string>} */
  const body = {
    region_name: textOf("launch-region"),
    ...accountQuery(textOf("launch-account")),
  };
  const members = {
    LaunchTemplate: textOf("launch-template"),
    image_id: textOf("launch-image"),
    InstanceType: textOf("launch-type"),
    MinCount: textOf("launch-count"),
    KeyName: textOf("launch-key"),
    security_groups: textOf("launch-groups"),
    SubnetId: textOf("launch-subnet"),
    spot: textOf("launch-spot"),
    InstanceProfile: textOf("launch-profile"),
    // White space counts: a script begins with #!.
    UserData: textOf("launch-user-data") && field("launch-user-data").value,
    wait: textOf("launch-wait"),
  };
  for (const [name, value] of Object.entries(members)) if (value) body[name] = value;
  const end = textOf("launch-end");
  if (end) {
    body[field("launch-end-action").value] = `${end}${field("launch-end-unit").value}`;
  }
  const name = textOf("launch-name");
  for (const [key, value] of tagsOf("launch-tags")) body[`tag:${key}`] = value;
  if (name) body["tag:Name"] = name;
  return body;
}

/** Empties the fields. */
export function forgetLaunch() {
  byId("launch-form", HTMLFormElement).reset();
  isEdited = false;
  byId("launch-more", HTMLDetailsElement).open = false;
  field("launch-region").replaceChildren();
  field("launch-account").replaceChildren();
  for (const id of Object.keys(SUGGESTED)) byId(id).replaceChildren();
  clearFieldErrors(LAUNCH_FIELDS);
}

forgetErrorsOnInput(LAUNCH_FIELDS);
for (const id of ["launch-region", "launch-account"]) {
  field(id).addEventListener("change", drawSuggestions);
}
for (const event of ["input", "submit"]) {
  byId("launch-form").addEventListener(event, () => {
    isEdited = true;
  });
}
on("limits-changed", () => {
  if (!byId("launch").hidden) drawLaunchPlaces();
});
on("offer-changed", () => {
  // What was typed is sent, and must be seen.
  byId("launch-end-part").hidden = !session?.hasSchedules && !textOf("launch-end");
});
