/**
 * The frames of `warmline.agent.v1`, as the gateway's sources declare them: written by its tests, not by hand.
 * Times are epoch milliseconds of the gateway's clock. Unknown keys are ignored by both sides.
 */

export const SUBPROTOCOL = 'warmline.agent.v1';

/**
 * What a browser asks for; the frame around it carries `id`.
 */
export type Operation = { "op": "hello", token: string, sdk: string, session?: string, seq?: number, 
/**
 * The browser's name for itself, the same in all its tabs.
 */
device?: string, } | { "op": "auth", token: string, } | { "op": "media", sdp: string, restart?: boolean, } | { "op": "status", name: string, reason?: string, } | { "op": "dial" } & Dial | { "op": "answer", call: CallId, } | { "op": "reject", call: CallId, reason?: string, } | { "op": "hangup", call: CallId, reason?: string, } | { "op": "hold", call: CallId, on: boolean, } | { "op": "mute", call: CallId, on: boolean, } | { "op": "digits", call: CallId, tones: string, } | { "op": "transfer", call: CallId, to: string, mode: TransferMode, } | { "op": "complete", call: CallId, } | { "op": "record", call: CallId, on: boolean, } | { "op": "dispose", call: CallId, code: string, notes?: string, callback_at?: number, } | { "op": "stats", call?: CallId, quality: PageReport, } | { "op": "ping" };

/**
 * A call that an agent, or a back end in the agent's name, asks for.
 */
export type Dial = { 
/**
 * Also the idempotency key: a repeated dial is answered with the call it already made.
 */
call: CallId, to: string, from?: string, 
/**
 * `ozonetel` or a trunk's name; the agent's default when absent.
 */
via?: string, context?: unknown, order?: Order, 
/**
 * How long the agent may be rung after the customer has answered; `customer-first` only.
 */
ring_timeout_s?: number, 
/**
 * Whether it is to be recorded where that is on demand.
 */
record?: boolean, };

/**
 * Who is called first.
 */
export type Order = "agent-first" | "customer-first";

export type TransferMode = "blind" | "consult";

/**
 * What a page measures of its side; what it leaves out isn't known.
 */
export type PageReport = { permission?: Permission, microphone?: Device, loudspeaker?: Loudspeaker, 
/**
 * The audio connection as the browser sees it.
 */
path?: AudioPath, 
/**
 * The microphone's level, dB of full scale.
 */
level_db?: number, 
/**
 * To the gateway and back.
 */
rtt_ms?: number, jitter_ms?: number, loss_pct?: number, packets_received?: number, packets_sent?: number, };

/**
 * Whether the browser lets the page hear the agent.
 */
export type Permission = "granted" | "prompt" | "denied";

/**
 * The microphone that the agent speaks into.
 */
export type Device = "on" | "absent" | "lost" | "busy" | "insecure";

/**
 * Whether what the page plays comes out: the state of its AudioContext.
 */
export type Loudspeaker = "running" | "suspended";

/**
 * The state of the page's PeerConnection.
 */
export type AudioPath = "up" | "broken";

/**
 * What the gateway sends.
 */
export type Frame = { re: number, ok: unknown, } | { re: number, err: WireProblem, } | { 
/**
 * Rises by one with each event of a session.
 */
seq: number, } & ({ "ev": "welcome", session: string, resumed: boolean, heartbeat_ms: number, grace_ms: number, ice: Array<IceServer>, agent: AgentView, calls: Array<WireCallView>, 
/**
 * Of the operator's own, besides those that are always there.
 */
statuses?: Array<StatusChoice>, } | { "ev": "agent", agent: AgentView, } | { "ev": "call", call: WireCallView, } | { "ev": "quality", call: CallId, to_customer: Quality, to_agent: Quality, } | { "ev": "notice", kind: NoticeKind, in_ms?: number, detail?: string, } | { "ev": "bye", code: ByeCode, reconnect: boolean, });

/**
 * One refusal. `kind` is the last part of its `type`, a bounded word.
 */
export type WireProblem = { type: string, title: string, status: number, 
/**
 * One true sentence about this case.
 */
detail: string, retryable: boolean, request_id?: string, sip?: SipStatus, };

/**
 * Something that happened, as a whole snapshot.
 */
export type Event = { "ev": "welcome", session: string, resumed: boolean, heartbeat_ms: number, grace_ms: number, ice: Array<IceServer>, agent: AgentView, calls: Array<WireCallView>, 
/**
 * Of the operator's own, besides those that are always there.
 */
statuses?: Array<StatusChoice>, } | { "ev": "agent", agent: AgentView, } | { "ev": "call", call: WireCallView, } | { "ev": "quality", call: CallId, to_customer: Quality, to_agent: Quality, } | { "ev": "notice", kind: NoticeKind, in_ms?: number, detail?: string, } | { "ev": "bye", code: ByeCode, reconnect: boolean, };

/**
 * A status that an agent may choose.
 */
export type StatusChoice = { name: string, 
/**
 * For people.
 */
label: string, };

/**
 * WebRTC's `RTCIceServer`.
 */
export type IceServer = { urls: Array<string>, username?: string, credential?: string, };

/**
 * How one direction of a talk sounds, over both of its ways.
 */
export type Quality = { grade: Grade, 
/**
 * 1 to 4.41, of the worse way.
 */
mos: number, 
/**
 * Of both ways together.
 */
rtt_ms: number, jitter_ms: number, loss_pct: number, };

/**
 * What a score means to people (ITU-T G.107 annex B).
 */
export type Grade = "good" | "fair" | "poor" | "bad";

export type NoticeKind = "token-expiring" | "draining" | "line-down" | "line-up" | "platform" | "digits" | "no-audio" | "missed" | "unheard";

export type ByeCode = "replaced" | "expired" | "forbidden" | "shutdown" | "taken-over";

/**
 * An agent, as the desk and the API show it.
 */
export type AgentView = { id: string, name: string, status: StatusView, line: LineState, media: WireMediaState, ready: boolean, 
/**
 * One sentence; present exactly when `ready` is false.
 */
not_ready_because?: string, };

export type StatusView = { name: string, 
/**
 * Epoch milliseconds.
 */
since: number, reason?: string, };

export type LineState = "up" | "down" | "none";

export type WireMediaState = "up" | "down";

/**
 * A call's name, made by whoever asks for the call: `c_` and a UUIDv7.
 */
export type CallId = string;

/**
 * A call, as everybody sees it. Times are epoch milliseconds.
 */
export type WireCallView = { id: CallId, 
/**
 * The agent whose call it is.
 */
agent: string, direction: Direction, state: CallState, progress?: Progress, peer: Peer, via: string, started_at: number, answered_at?: number, ended_at?: number, muted: boolean, recording: Recording, auto_answered?: boolean, context?: unknown, ucid?: string, ended?: EndedView, linked?: CallId, 
/**
 * When the wrap-up ends by itself; there as long as it lasts.
 */
closes_at?: number, };

export type Direction = "outbound" | "inbound";

export type CallState = "ringing-out" | "ringing-in" | "connected" | "held" | "wrap-up" | "closed";

/**
 * How far an outbound call has come while it rings.
 */
export type Progress = "requested" | "dialing" | "alerting" | "early-media";

export type Peer = { number: string, name?: string, };

export type Recording = "on" | "paused" | "off";

/**
 * Why a call is over.
 */
export type EndedView = { by: EndedBy, 
/**
 * A bounded word, also a metric's label.
 */
reason: string, 
/**
 * The sentence that the agent reads.
 */
detail: string, sip?: SipStatus, };

export type EndedBy = "agent" | "customer" | "provider" | "gateway";

export type SipStatus = { code: number, reason: string, };
