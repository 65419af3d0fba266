/** The pauses before successive attempts. The first is at once: most breaks are a proxy's restart or a network change. */
const PAUSES_MS = [0, 300, 1_200, 2_700, 4_800, 7_000] as const;

/** Spreads the first attempts of many pages that lost the same gateway at the same moment. */
const SPREAD_MS = 100;

/**
 * How long to wait before attempt number `attempt`, counted from 0. `random` is in [0, 1): up to a quarter is added,
 * so that a thousand pages don't come back in the same millisecond.
 */
export function pause(attempt: number, random: number): number {
  const base = PAUSES_MS[Math.min(attempt, PAUSES_MS.length - 1)] ?? 0;
  return base + random * (base / 4 + SPREAD_MS);
}
