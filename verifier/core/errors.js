// The ledger's named errors. Names, weights and remedies are those of domain/ledger/ledger_errors.py (see tables.js).

import { ERRORS } from "./tables.js";

/** Something that cannot be accepted, by its stable name. */
export class LedgerError extends Error {
  constructor(name, message) {
    super(message);
    this.name = name;
  }
}

/** Stop with a named error. */
export function refuse(name, message) {
  throw new LedgerError(name, message);
}

/** A named error as a finding: what was seen, at which leaf if at one, and how much it weighs. */
export function findingOf(error, index = null) {
  return { error: error.name, message: error.message, index: index === null ? null : String(index), ...ERRORS[error.name] };
}

export const MOST_FINDINGS = 100;

/** Defects and reservations, the first hundred of each name one by one; of the others the number is. */
export class Findings {
  constructor() {
    this.defects = [];
    this.reservations = [];
    this.more = {};
    this.told = {};
  }

  /** How many defects keep the log from being followed; of what is too large, the record is in its place. */
  get ofTheLog() {
    return this.defects.filter((each) => each.error !== "TooLarge").length;
  }

  add(found) {
    for (const each of found) {
      const known = this.told[each.error] ?? 0;
      this.told[each.error] = known + 1;
      if (known < MOST_FINDINGS) (each.weight === "reservation" ? this.reservations : this.defects).push(each);
      else this.more[each.error] = (this.more[each.error] ?? 0) + 1;
    }
  }
}
