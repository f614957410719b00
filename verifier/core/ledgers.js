// Of which partition and account a ledger is.

import { PARTITIONS } from "./tables.js";

/** The partition that a region is in. */
export const partitionOf = (region) => PARTITIONS.find(([begins]) => region.startsWith(begins))?.[1] ?? "aws";

/** Partition and account of a ledger, where its id is flops-auditor/ACCOUNT/REGION/STACK; null for any other id. */
export function accountOfLedger(ledgerId) {
  const parts = ledgerId.split("/");
  return parts.length === 4 ? { partition: partitionOf(parts[2]), account: parts[1] } : null;
}
