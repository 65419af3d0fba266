/** What the browser measures of the leg: one sample from the reports of `getStats`, against the one before. Pure. */

export interface Sample {
  /** Epoch milliseconds. */
  at: number;
  received: number;
  lost: number;
  sent: number;
  jitterMs?: number;
  rttMs?: number;
  /** Of what came since the sample before, percent. */
  lossPct?: number;
  /** Of the microphone, dB of full scale. */
  levelDb?: number;
  /** Since when nothing has come any more. */
  silentSince?: number;
}

type Reports = Iterable<Record<string, unknown> & { type: string }>;

export function sample(reports: Reports, before: Sample | undefined, now: number): Sample {
  const next: Sample = { at: now, received: 0, lost: 0, sent: 0 };
  for (const report of reports) {
    const number = (key: string) => (typeof report[key] === 'number' ? (report[key] as number) : undefined);
    switch (report.type) {
      case 'inbound-rtp':
        next.received += number('packetsReceived') ?? 0;
        next.lost += number('packetsLost') ?? 0;
        next.jitterMs = times1000(number('jitter'));
        break;
      case 'outbound-rtp':
        next.sent += number('packetsSent') ?? 0;
        break;
      case 'candidate-pair':
        if (report.nominated) next.rttMs = times1000(number('currentRoundTripTime')) ?? next.rttMs;
        break;
      case 'media-source':
        next.levelDb = decibels(number('audioLevel'));
        break;
    }
  }
  // A new leg counts from zero.
  const known = before && before.received <= next.received ? before : undefined;
  const received = next.received - (known?.received ?? 0);
  const lost = Math.max(0, next.lost - (known?.lost ?? 0));
  if (received + lost > 0) next.lossPct = (100 * lost) / (received + lost);
  if (received === 0) next.silentSince = known?.silentSince ?? known?.at ?? now;
  return next;
}

function times1000(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1_000;
}

/** Digital silence is as low as anything is told. */
function decibels(level: number | undefined): number | undefined {
  return level === undefined ? undefined : Math.max(SILENCE_DB, 20 * Math.log10(level || 1e-9));
}

export const SILENCE_DB = -127;
