// Of which partition and account a ledger is.

import { PARTITIONS } from "./tables.js";

/** The partition that a region is in. */
export const partitionOf = (region) => PARTITIONS.find(([begins]) => region.startsWith(begins))?.[1] ?? "aws";
