// Points in time as records hold them: ISO 8601, UTC, milliseconds, `Z`; here milliseconds since 1970.

const MOMENT = /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})\.([0-9]{3})Z$/;
const DAY = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/;
const FIRST_YEAR = 2000, LAST_YEAR = 2199;

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY_LONG = 24 * HOUR;

/** How far the clocks of two functions may differ. */
export const CLOCK_SKEW = 5 * MINUTE;

/** From a record's own time to the heartbeat after it: the sealer runs every 15 minutes; a day's outage is let pass. */
export const SEALED_WITHIN = 25 * HOUR;

/** Milliseconds since 1970; null for what is no such point in time, such as 31 February. */
export function readMoment(text) {
  const match = MOMENT.exec(text);
  return match && timeOf(match.slice(1).map(Number));
}

/** A point in time at which something was recorded: of a year in which this product was there, or null. */
export function readRecorded(text) {
  const found = readMoment(text);
  const year = Number(text.slice(0, 4));
  return found !== null && year >= FIRST_YEAR && year <= LAST_YEAR ? found : null;
}

/** A day's number; null for what is no day. */
export function readDay(text) {
  const match = DAY.exec(text);
  const found = match && timeOf([...match.slice(1).map(Number), 0, 0, 0, 0]);
  return found === null ? null : Math.floor(found / DAY_LONG);
}

function timeOf([year, month, day, hour, minute, second, millisecond]) {
  const found = new Date(0);
  found.setUTCFullYear(year, month - 1, day);
  found.setUTCHours(hour, minute, second, millisecond);
  const kept = [found.getUTCFullYear(), found.getUTCMonth() + 1, found.getUTCDate(), found.getUTCHours(), found.getUTCMinutes(), found.getUTCSeconds()];
  const exact = [year, month, day, hour, minute, second].every((part, at) => part === kept[at]);
  return exact && year > 0 ? found.getTime() : null;
}

export function iso(milliseconds) {
  return new Date(milliseconds).toISOString();
}
