/**
 * The frames of `warmline.agent.v1`, as they stand on the wire.
 *
 * Times are epoch milliseconds of the gateway's clock. Unknown keys are ignored by both sides, so these types name
 * what the page reads and nothing more.
 */

export const SUBPROTOCOL = 'warmline.agent.v1';

export type CallState = 'ringing-out' | 'ringing-in' | 'connected' | 'held' | 'wrap-up' | 'closed';

/** How far a dialled call has come, while it is `ringing-out`. */
export type Progress = 'requested' | 'dialing' | 'alerting' | 'early-media';

/** Why a call ended: `detail` is a sentence for people, `reason` a word for programs. */
export interface Ended {
  by: 'agent' | 'customer' | 'provider' | 'gateway';
  reason: string;
  detail: string;
  sip?: { code: number; reason: string };
}

/** One call as the gateway sees it. Always whole, never a delta. */
export interface CallView {
  id: string;
  /** Whose call it is. Absent while only the page knows of it. */
  agent?: string;
  direction: 'outbound' | 'inbound';
  state: CallState;
  progress?: Progress;
  peer: { number: string; name?: string };
  via?: string;
  started_at: number;
  answered_at?: number;
  ended_at?: number;
  muted: boolean;
  recording: 'on' | 'paused' | 'off';
  auto_answered?: boolean;
  context?: unknown;
  ucid?: string;
  ended?: Ended;
  linked?: string;
  /** When the wrap-up ends by itself; there as long as it lasts. */
  closes_at?: number;
}

/** The agent as the gateway sees them; `ready` is the gateway's verdict. */
export interface AgentView {
  id: string;
  name: string;
  status: { name: string; since: number; reason?: string };
  line: 'up' | 'down' | 'none';
  media: 'up' | 'down';
  ready: boolean;
  not_ready_because?: string;
}

/** RFC 9457 problem details, with the gateway's `retryable`. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail?: string;
  retryable?: boolean;
}

export interface Welcome {
  ev: 'welcome';
  seq?: number;
  session: string;
  resumed: boolean;
  heartbeat_ms: number;
  grace_ms: number;
  ice: RTCIceServer[];
  agent: AgentView;
  calls: CallView[];
}

export interface Notice {
  ev: 'notice';
  seq?: number;
  kind: 'token-expiring' | 'draining' | 'line-down' | 'line-up' | 'platform' | 'digits' | 'no-audio';
  in_ms?: number;
  detail?: string;
}

/** How one direction of a call sounds, as measured by the gateway. */
export interface Quality {
  grade: string;
  mos: number;
  rtt_ms: number;
  jitter_ms: number;
  loss_pct: number;
}

export interface CallQuality {
  ev: 'quality';
  seq?: number;
  call: string;
  to_customer: Quality;
  to_agent: Quality;
}

export type ByeCode = 'replaced' | 'expired' | 'forbidden' | 'shutdown' | 'taken-over';

export interface Bye {
  ev: 'bye';
  seq?: number;
  code: ByeCode;
  reconnect: boolean;
}

export type WireEvent =
  | Welcome
  | { ev: 'agent'; seq?: number; agent: AgentView }
  | { ev: 'call'; seq?: number; call: CallView }
  | CallQuality
  | Notice
  | Bye;

/** What the page may ask, by `op`. */
export interface Requests {
  hello: { token: string; sdk: string; session?: string; seq?: number };
  auth: { token: string };
  media: { sdp: string; restart?: boolean };
  dial: { call: string; to: string; from?: string; via?: string; context?: unknown };
  answer: { call: string };
  reject: { call: string; reason?: string };
  hangup: { call: string; reason?: string };
  hold: { call: string; on: boolean };
  mute: { call: string; on: boolean };
  digits: { call: string; tones: string };
  status: { name: string; reason?: string };
  transfer: { call: string; to: string; mode: 'blind' | 'consult' };
  complete: { call: string };
  record: { call: string; on: boolean };
  dispose: { call: string; code: string; notes?: string; callback_at?: number };
  ping: Record<never, never>;
}

/** What each `op` is answered with in `ok`; those that aren't named answer with nothing of interest. */
export interface Replies {
  media: { sdp: string };
}

export type Op = keyof Requests;
export type Reply<O extends Op> = O extends keyof Replies ? Replies[O] : unknown;

/** A request, carried to the gateway and back. */
export type Ask = <O extends Op>(op: O, keys: Requests[O]) => Promise<Reply<O>>;

/** The gateway said no, or could not be asked. `message` is a sentence fit for the page. */
export class Refusal extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail ?? problem.title);
    this.name = 'Refusal';
    this.problem = problem;
  }

  /** The gateway could not be asked: the request may be repeated once the socket is back. */
  static offline(): Refusal {
    return new Refusal({
      type: OFFLINE,
      title: 'Not connected to the gateway',
      status: 0,
      detail: 'The connection to the gateway is interrupted.',
      retryable: true,
    });
  }

  get isOffline(): boolean {
    return this.problem.type === OFFLINE;
  }
}

const OFFLINE = 'about:offline';
