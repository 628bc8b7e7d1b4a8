// @ts-check
// When the actions of a schedule happen next. What only EventBridge Scheduler can say is not
// guessed.

/** @import { Schedule } from "./schedule-store.js" */

/** As Scheduler counts them. */
const WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/** How far to look ahead, in days: a year and a day that is skipped. */
const HORIZON = 400;

/** How many times to look at: with a long skip there may be very many. */
const MAX_TRIES = 2_000;

const DAY = 86_400_000;

/** Of `rate(...)`, in ms. */
const PERIODS = { minute: 60_000, hour: 3_600_000, day: DAY };

/** The reader's own time zone. */
export const READER_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** @type {Map<string, Intl.DateTimeFormat>} by time zone */
const formats = new Map();

/**
 * Returns the date and the time of day in a zone, such as 2026-01-31 and 09:05.
 * @param {number} instant in ms since the epoch
 * @param {string} zone
 */
export function wallTime(instant, zone) {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat("en", {
      ...{ timeZone: zone, calendar: "gregory", numberingSystem: "latn", hourCycle: "h23" },
      ...{ year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" },
    });
    formats.set(zone, format);
  }
  /** @type {Record<string, string>} */
  const parts = {};
  for (const { type, value } of format.formatToParts(instant)) parts[type] = value;
  const { year = "", month, day, hour, minute } = parts;
  return { date: `${year.padStart(4, "0")}-${month}-${day}`, time: `${hour}:${minute}` };
}

/**
 * Returns when it is this date and time in a zone, the first time of two; null if clocks skip it.
 * @param {string} date
 * @param {string} time
 * @param {string} zone
 */
export function instantOf(date, time, zone) {
  const asUtc = Date.parse(`${date}T${time}:00Z`);
  const instants = [asUtc - DAY, asUtc + DAY].map((near) => {
    const wall = wallTime(near, zone);
    return asUtc - (Date.parse(`${wall.date}T${wall.time}:00Z`) - near);
  });
  const right = instants.filter((instant) => {
    const wall = wallTime(instant, zone);
    return wall.date === date && wall.time === time;
  });
  return right.length ? Math.min(...right) : null;
}

/**
 * Whether this browser knows a time zone.
 * @param {string} zone
 */
export function isZone(zone) {
  try {
    wallTime(0, zone);
    return true;
  } catch {
    return false;
  }
}

/**
 * Returns the days of a list such as MON-FRI or MON,WED; null if it is another form.
 * @param {string} text
 */
function weekdaysOf(text) {
  if (text === "*" || text === "?") return new Set(WEEKDAYS.keys());
  /** @type {Set<number>} */
  const days = new Set();
  for (const item of text.split(",")) {
    const [first = -1, last = first] = item.split("-").map((day) => WEEKDAYS.indexOf(day));
    // What Scheduler makes of a week that ends before it begins is not known here.
    if (first < 0 || last < first) return null;
    for (let day = first; day <= last; day++) days.add(day);
  }
  return days;
}

/**
 * Returns the time of day and the days of an expression; null if it is of another kind.
 * @param {string} expression
 * @param {string} [days] of the times HH:MM
 */
function dailyOf(expression, days = "*") {
  const cron = /^cron\((\d{1,2}) (\d{1,2}) (?:\? \* (\S+)|\* \* (\?)) \*\)$/.exec(expression);
  const [, minute = "", hour = "", some, every] = cron ?? [];
  const time = cron ? `${hour.padStart(2, "0")}:${minute.padStart(2, "0")}` : expression;
  const weekdays = weekdaysOf((cron ? (some ?? every) : days) ?? "*");
  return /^([01]\d|2[0-3]):[0-5]\d$/.test(time) && weekdays ? { time, weekdays } : null;
}

/**
 * Returns the next times of an action; null if only Scheduler can say.
 * @param {Schedule} schedule
 * @param {string} expression of the action
 * @param {number} now in ms since the epoch
 * @param {number} count
 * @returns {number[] | null} in ms since the epoch
 */
export function nextTimes(schedule, expression, now, count) {
  const { timezone: zone = "UTC", start_date = "", end_date = "9999", skip = [] } = schedule;
  if (!isZone(zone)) return null;
  if (!schedule.enabled) return [];
  const until = schedule.acts_until ? Date.parse(schedule.acts_until) : Number.POSITIVE_INFINITY;
  const happens = (/** @type {number} */ instant) => {
    const { date } = wallTime(instant, zone);
    const isSkipped = skip.some((interval) => {
      const [first = "", last = first] = interval.split("/");
      return first <= date && date <= last;
    });
    return instant > now && instant < until && start_date <= date && date <= end_date && !isSkipped;
  };
  const once = /^at\((\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d)?\)$/.exec(expression);
  if (once) {
    const instant = instantOf(once[1] ?? "", once[2] ?? "", zone);
    return instant === null ? null : [instant].filter(happens);
  }
  const candidates = candidatesOf(schedule, expression, zone, now);
  if (!candidates) return null;
  /** @type {number[]} */
  const times = [];
  let tries = 0;
  for (const instant of candidates) {
    // Candidates are in their order: after the end, none can happen.
    const isOver = instant >= until || wallTime(instant, zone).date > end_date;
    if (isOver || times.length >= count) return times;
    if (happens(instant)) times.push(instant);
    if (++tries >= MAX_TRIES) break;
  }
  // There may be more, beyond what was looked at.
  return times.length ? times : null;
}

/**
 * Returns the times from today on, whether they are skipped or not; null if only Scheduler can say.
 * @param {Schedule} schedule
 * @param {string} expression
 * @param {string} zone
 * @param {number} now
 */
function candidatesOf({ days, start_date }, expression, zone, now) {
  const daily = dailyOf(expression, days);
  if (daily) {
    // Far in the future: the days before the first one do not count.
    const first = [wallTime(now, zone).date, start_date ?? ""].sort()[1] ?? "";
    return dailyTimes(daily, first, zone);
  }
  const rate = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression);
  // Without a first day Scheduler counts from when it got the schedule.
  const begin = rate && start_date ? instantOf(start_date, "00:00", zone) : null;
  if (!rate || begin === null) return null;
  const period = Number(rate[1]) * PERIODS[/** @type {keyof typeof PERIODS} */ (rate[2])];
  const first = begin + Math.max(0, Math.ceil((now - begin) / period)) * period;
  return periodicTimes(first, period);
}

/**
 * @param {{ time: string, weekdays: Set<number> }} daily
 * @param {string} first date
 * @param {string} zone
 */
function* dailyTimes({ time, weekdays }, first, zone) {
  for (let day = 0; day < HORIZON; day++) {
    const noon = new Date(Date.parse(`${first}T12:00:00Z`) + day * DAY);
    if (!weekdays.has(noon.getUTCDay())) continue;
    const instant = instantOf(noon.toISOString().slice(0, 10), time, zone);
    if (instant !== null) yield instant;
  }
}

/**
 * @param {number} first
 * @param {number} period
 */
function* periodicTimes(first, period) {
  for (let time = first; time < first + HORIZON * DAY; time += period) yield time;
}

/**
 * Returns a time in a zone, such as Mon 2026-11-30 08:00.
 * @param {number} instant
 * @param {string} zone
 */
function timeIn(instant, zone) {
  const { date, time } = wallTime(instant, zone);
  const weekday = new Intl.DateTimeFormat("en", { weekday: "short", timeZone: zone });
  return `${weekday.format(instant)} ${date} ${time}`;
}

/**
 * Returns a time in the zone of a schedule, and in the reader's own if that is another time there.
 * @param {number} instant
 * @param {string} zone
 */
export function timeInBoth(instant, zone) {
  const [there, here] = [timeIn(instant, zone), timeIn(instant, READER_ZONE)];
  return there === here ? `${there} (${zone})` : `${there} (${zone}), here ${here}`;
}

/**
 * What was said of the expressions of a schedule, and until when that is right, in ms since the
 * epoch: it takes too long to be said again at each key of a search.
 * @type {WeakMap<Schedule, Map<string, { text: string, until: number }>>}
 */
const said = new WeakMap();

/**
 * Says when an action happens next.
 * @param {Schedule} schedule
 * @param {string} expression
 */
export function nextText(schedule, expression) {
  const now = Date.now();
  const texts = said.get(schedule) ?? new Map();
  said.set(schedule, texts);
  const known = texts.get(expression);
  if (known && now < known.until) return known.text;
  const times = nextTimes(schedule, expression, now, 1);
  const [next] = times ?? [];
  let text = "when EventBridge Scheduler says";
  if (next !== undefined) text = timeInBoth(next, schedule.timezone ?? "UTC");
  else if (times) text = schedule.enabled ? "not any more" : "not while it is disabled";
  texts.set(expression, { text, until: next ?? Number.POSITIVE_INFINITY });
  return text;
}
