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

/** The candidate pair that ICE has selected, and the responses to its checks; not every browser counts them. */
export interface SelectedPair {
  id: unknown;
  responses?: number;
}

export function selectedPair(reports: Reports): SelectedPair | undefined {
  const all = [...reports];
  const selected = all.find(({ type }) => type === 'transport')?.selectedCandidatePairId;
  // Firefox tells it of the pair.
  const pair = all.find(({ type, id, selected: isSelected }) => type === 'candidate-pair' && (selected === undefined ? isSelected === true : id === selected));
  if (!pair) return undefined;
  const { id, responsesReceived } = pair;
  return { id, responses: typeof responsesReceived === 'number' ? responsesReceived : undefined };
}

/** Whether the other end has answered on the selected pair since `before`: then what we send arrives. Nothing where the browser doesn't tell. */
export function isAnswered(pair: SelectedPair | undefined, before: SelectedPair | undefined): boolean | undefined {
  if (!pair) return undefined;
  const isSame = pair.id === before?.id;
  // ICE selects no other pair but one that was answered.
  if (pair.responses === undefined) return isSame ? undefined : true;
  return pair.responses > (isSame ? (before?.responses ?? 0) : 0);
}

function times1000(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1_000;
}

/** Digital silence is as low as anything is told. */
function decibels(level: number | undefined): number | undefined {
  return level === undefined ? undefined : Math.max(SILENCE_DB, 20 * Math.log10(level || 1e-9));
}

export const SILENCE_DB = -127;
