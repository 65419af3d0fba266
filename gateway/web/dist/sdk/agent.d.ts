/** What there is to speak into and to hear from. Labels are there once the microphone may be used. */
export interface Device {
	id: string;
	label: string;
}
export interface Devices {
	microphones: Device[];
	/** For the customer's voice, and for the bell. Empty where the browser can't choose. */
	speakers: Device[];
}
/** Why the microphone is another than before. */
export interface Switched {
	because: "unplugged" | "default-changed";
	/** For people. */
	detail: string;
}
declare class Emitter<Events extends object> {
	#private;
	/** Listens, and returns the function that stops listening. */
	on<E extends keyof Events>(event: E, listener: (value: Events[E]) => void): () => void;
	protected emit<E extends keyof Events>(event: E, value: Events[E]): void;
}
/**
 * What a page measures of its side; what it leaves out isn't known.
 */
export type PageReport = {
	permission?: Permission;
	microphone?: Device$1;
	loudspeaker?: Loudspeaker;
	/**
	 * The audio connection as the browser sees it.
	 */
	path?: AudioPath;
	/**
	 * The microphone's level, dB of full scale.
	 */
	level_db?: number;
	/**
	 * To the gateway and back.
	 */
	rtt_ms?: number;
	jitter_ms?: number;
	loss_pct?: number;
	packets_received?: number;
	packets_sent?: number;
};
/**
 * Whether the browser lets the page hear the agent.
 */
export type Permission = "granted" | "prompt" | "denied";
type Device$1 = "on" | "absent" | "lost" | "busy" | "insecure";
/**
 * Whether what the page plays comes out: the state of its AudioContext.
 */
export type Loudspeaker = "running" | "suspended";
/**
 * The state of the page's PeerConnection.
 */
export type AudioPath = "up" | "broken";
/**
 * One refusal. `kind` is the last part of its `type`, a bounded word.
 */
export type WireProblem = {
	type: string;
	title: string;
	status: number;
	/**
	 * One true sentence about this case.
	 */
	detail: string;
	retryable: boolean;
	request_id?: string;
	sip?: SipStatus;
};
type Event$1 = {
	"ev": "welcome";
	session: string;
	resumed: boolean;
	heartbeat_ms: number;
	grace_ms: number;
	ice: Array<IceServer>;
	agent: AgentView;
	calls: Array<WireCallView>;
	/**
	 * Of the operator's own, besides those that are always there.
	 */
	statuses?: Array<StatusChoice>;
} | {
	"ev": "agent";
	agent: AgentView;
} | {
	"ev": "call";
	call: WireCallView;
} | {
	"ev": "quality";
	call: CallId;
	to_customer: Quality;
	to_agent: Quality;
} | {
	"ev": "notice";
	kind: NoticeKind;
	in_ms?: number;
	detail?: string;
} | {
	"ev": "bye";
	code: ByeCode;
	reconnect: boolean;
};
/**
 * A status that an agent may choose.
 */
export type StatusChoice = {
	name: string;
	/**
	 * For people.
	 */
	label: string;
};
/**
 * WebRTC's `RTCIceServer`.
 */
export type IceServer = {
	urls: Array<string>;
	username?: string;
	credential?: string;
};
/**
 * How one direction of a talk sounds, over both of its ways.
 */
export type Quality = {
	grade: Grade;
	/**
	 * 1 to 4.41, of the worse way.
	 */
	mos: number;
	/**
	 * Of both ways together.
	 */
	rtt_ms: number;
	jitter_ms: number;
	loss_pct: number;
};
/**
 * What a score means to people (ITU-T G.107 annex B).
 */
export type Grade = "good" | "fair" | "poor" | "bad";
export type NoticeKind = "token-expiring" | "draining" | "line-down" | "line-up" | "platform" | "digits" | "no-audio" | "missed" | "unheard";
export type ByeCode = "replaced" | "expired" | "forbidden" | "shutdown" | "taken-over";
/**
 * An agent, as the desk and the API show it.
 */
export type AgentView = {
	id: string;
	name: string;
	status: StatusView;
	line: LineState;
	media: WireMediaState;
	ready: boolean;
	/**
	 * One sentence; present exactly when `ready` is false.
	 */
	not_ready_because?: string;
};
export type StatusView = {
	name: string;
	/**
	 * Epoch milliseconds.
	 */
	since: number;
	reason?: string;
};
export type LineState = "up" | "down" | "none";
export type WireMediaState = "up" | "down";
/**
 * A call's name, made by whoever asks for the call: `c_` and a UUIDv7.
 */
export type CallId = string;
/**
 * A call, as everybody sees it. Times are epoch milliseconds.
 */
export type WireCallView = {
	id: CallId;
	/**
	 * The agent whose call it is.
	 */
	agent: string;
	direction: Direction;
	state: CallState;
	progress?: Progress;
	peer: Peer;
	via: string;
	started_at: number;
	answered_at?: number;
	ended_at?: number;
	muted: boolean;
	recording: Recording;
	auto_answered?: boolean;
	context?: unknown;
	ucid?: string;
	ended?: EndedView;
	linked?: CallId;
	/**
	 * When the wrap-up ends by itself; there as long as it lasts.
	 */
	closes_at?: number;
};
export type Direction = "outbound" | "inbound";
export type CallState = "ringing-out" | "ringing-in" | "connected" | "held" | "wrap-up" | "closed";
/**
 * How far an outbound call has come while it rings.
 */
export type Progress = "requested" | "dialing" | "alerting" | "early-media";
export type Peer = {
	number: string;
	name?: string;
};
export type Recording = "on" | "paused" | "off";
/**
 * Why a call is over.
 */
export type EndedView = {
	by: EndedBy;
	/**
	 * A bounded word, also a metric's label.
	 */
	reason: string;
	/**
	 * The sentence that the agent reads.
	 */
	detail: string;
	sip?: SipStatus;
};
export type EndedBy = "agent" | "customer" | "provider" | "gateway";
export type SipStatus = {
	code: number;
	reason: string;
};
/** Why a call ended: `detail` is a sentence for people, `reason` a word for programs. */
export type Ended = EndedView;
/** One call, always whole, never a delta. Whose it is and by what way it goes the gateway says once it has heard of it. */
export type CallView = Omit<WireCallView, "agent" | "via"> & {
	agent?: string;
	via?: string;
};
/** RFC 9457 problem details, with the gateway's `retryable`. */
export type Problem = Pick<WireProblem, "type" | "title" | "status"> & Partial<WireProblem>;
export type Of<E extends Event$1["ev"]> = Extract<Event$1, {
	ev: E;
}> & {
	seq?: number;
};
export type Notice = Of<"notice">;
export type CallQuality = Of<"quality">;
export type Bye = Of<"bye">;
/** The gateway said no, or could not be asked. `message` is a sentence fit for the page. */
export declare class Refusal extends Error {
	readonly problem: Problem;
	constructor(problem: Problem);
	/** The gateway could not be asked: the request may be repeated once the socket is back. */
	static offline(): Refusal;
	get isOffline(): boolean;
}
export type Microphone = {
	is: "off";
}
/** The browser is asking the agent for permission. */
 | {
	is: "asking";
} | {
	is: "on";
} | {
	is: "refused";
	reason: "denied" | "absent" | "busy" | "lost" | "insecure";
	detail: string;
};
export interface AudioEvents {
	microphone: Microphone;
	/** Whether the browser keeps the customer's voice silent until the page is clicked. */
	locked: boolean;
	/** The leg's stream was replaced, and with it what is heard. */
	remote: MediaStream;
	/** The microphone is another: because the agent chose it, or one came back. */
	track: MediaStreamTrack;
	/** The microphone is another, and nobody chose it. */
	switched: Switched;
}
declare class Audio$1 extends Emitter<AudioEvents> {
	#private;
	constructor(constraints?: MediaTrackConstraints);
	get microphone(): Microphone;
	/** Whether the browser holds the sound back until the agent has clicked or pressed a key. */
	get locked(): boolean;
	/** The customer's side of the present leg. */
	get remoteStream(): MediaStream | undefined;
	/** The microphone's track, while there is one. */
	get track(): MediaStreamTrack | undefined;
	/** What there is to choose from. */
	devices(): Promise<Devices>;
	/** Speaks into another microphone from now on, in a talk too; `undefined` is the system's choice. */
	useMicrophone(id?: string): Promise<void>;
	/** Hears the customer from another loudspeaker. */
	useSpeaker(id: string): Promise<void>;
	/** Rings on another loudspeaker than the customer's voice: one that is heard with the headset on the table. */
	useRinger(id: string): Promise<void>;
	/** The microphone and the loudspeaker, as the gateway is told of them. */
	report(): Pick<PageReport, "permission" | "microphone" | "loudspeaker">;
	/** Asks for the microphone, once however often it is called; the answer is in `microphone`, too. */
	openMicrophone(): Promise<MediaStreamTrack | undefined>;
	/** Local silence, for mute. The gateway stops forwarding as well; this takes effect first. */
	silence(silenced: boolean): void;
	/** Plays what the customer says. */
	play(stream: MediaStream): void;
	/** To be called in a click or a key press: lets out the sound that the browser holds back. */
	unlock(): void;
	startRinging(): void;
	stopRinging(): void;
	/** Lets go of the microphone, so that the browser's recording sign goes out. */
	close(): void;
}
export interface CallEvents {
	change: Call;
}
export declare class Call extends Emitter<CallEvents> {
	#private;
	get id(): string;
	get state(): CallState;
	/** The gateway's latest snapshot. It is replaced, never changed. */
	get view(): CallView;
	/** As the agent wants it, from the moment of the click. */
	get muted(): boolean;
	/** The agent has ended the call, and the gateway hasn't said so yet. */
	get isEnding(): boolean;
	/** Neither over nor waiting for its disposition. */
	get isLive(): boolean;
	answer(): Promise<void>;
	reject(reason?: string): Promise<void>;
	hangup(reason?: string): Promise<void>;
	/** Silence towards the customer. Takes effect in the page before the gateway has heard of it. */
	mute(muted: boolean): Promise<void>;
	/** The customer hears music and the agent nothing; or both talk on. */
	hold(held: boolean): Promise<void>;
	/** Sends digits: `0`–`9`, `*`, `#`, `A`–`D`, and `,` for a pause. */
	digits(tones: string): Promise<void>;
	/** Gives the customer to a number, to `agent:<id>` or to a SIP address: at once, or after a word with whoever answers there. */
	transfer(to: string, mode: "blind" | "consult"): Promise<void>;
	/** After a consultation: the two others talk on without the agent. */
	complete(): Promise<void>;
	/** Pauses the recording, for a card's number, or goes on with it. */
	record(on: boolean): Promise<void>;
	/** Ends wrap-up with a disposition. `callbackAt` is in epoch milliseconds. */
	dispose(code: string, notes?: string, callbackAt?: number): Promise<void>;
}
/** The warm media leg: one RTCPeerConnection for the whole session, to which the gateway bridges calls. */
export type MediaState = {
	is: "off";
} | {
	is: "connecting";
} | {
	is: "up";
}
/** ICE is being restarted on the same leg; a call that is up goes on when it succeeds. */
 | {
	is: "restarting";
} | {
	is: "down";
	detail: string;
};
/** Why the socket is closed for good, until the page signs in again. */
export type EndedBecause = Exclude<Bye["code"], "shutdown"> | "signed-out";
export type Connection = {
	is: "off";
}
/** Opening, or waiting for the answer to hello. `attempt` 0 is the first one since the last good connection. */
 | {
	is: "connecting";
	attempt: number;
} | {
	is: "open";
}
/** Broken; the next attempt is at `until`, epoch milliseconds. */
 | {
	is: "waiting";
	attempt: number;
	until: number;
} | {
	is: "ended";
	because: EndedBecause;
	detail?: string;
};
export type Readiness = {
	ready: true;
} | {
	ready: false;
	because: string;
};
export type Trouble = "jitter" | "round-trip" | "loss" | "quality" | "no-audio" | "microphone";
export interface Warning {
	trouble: Trouble;
	/** For people. */
	detail: string;
}
export interface AgentOptions {
	/** The agent's token, or where a fresh one comes from each time that the page connects. */
	token: string | (() => string | Promise<string>);
	/** Of the agent socket; `/v1/agent` of the page's own origin unless told otherwise. */
	url?: string;
	/** Constraints for the microphone, as for `getUserMedia`. */
	microphone?: MediaTrackConstraints;
	/** Keeps the session over a reload; `sessionStorage` unless told otherwise. */
	storage?: Pick<Storage, "getItem" | "setItem" | "removeItem">;
}
export interface AgentEvents {
	connection: Connection;
	/** The gateway's snapshot of the agent. */
	agent: AgentView;
	readiness: Readiness;
	media: MediaState;
	/** A call is new or has changed. */
	call: Call;
	/** How a talk sounds, as the gateway measures both directions, every 5 s. */
	quality: CallQuality;
	/** What the agent should know of a talk's sound now: all of it, each time that it changes. */
	warnings: Warning[];
	notice: Notice;
	/** Another tab had taken the place of this one, and is closed now: signing in here takes it back. */
	vacant: undefined;
}
export interface DialOptions {
	from?: string;
	/** `ozonetel`, or a trunk's name. */
	via?: string;
	/** Whatever the page wants to find on the call again. */
	context?: unknown;
	/** Whether it is to be recorded, where recording is on demand. */
	record?: boolean;
}
export declare class Agent extends Emitter<AgentEvents> {
	#private;
	readonly audio: Audio$1;
	constructor(options: AgentOptions);
	get connection(): Connection;
	/** The gateway's snapshot of the agent, once welcomed. */
	get view(): AgentView | undefined;
	/** Statuses of the operator's own, besides `available`, `break` and `offline`. */
	get statuses(): readonly StatusChoice[];
	get media(): MediaState;
	/** Whether a call would be heard, and if not, why in words. */
	get readiness(): Readiness;
	/** All calls that this page knows, oldest first, with those that are over. */
	get calls(): Call[];
	/** What the agent should know of a talk's sound. */
	get warnings(): Warning[];
	/** Asks for the microphone and connects, both at once. Resolves when the browser has decided on the microphone. */
	signIn(): Promise<void>;
	/** Tries the microphone and the audio connection again, after the reason why they failed is out of the way. */
	retryAudio(): Promise<void>;
	/** Ends the session in this page. Calls that are up stay with the gateway for as long as its grace lasts. */
	signOut(): void;
	/** The page is going away, perhaps to come back: the session stays, and so do its calls. */
	leave(): void;
	/** Sends a fresh token on the living session, and uses it from now on. */
	renewToken(token: string): Promise<void>;
	/** Says how the agent stands: `available`, `break`, `offline`, or one of `statuses`. */
	setStatus(name: string, reason?: string): Promise<void>;
	/** Dials. The call is there at once, in `ringing-out`; why it failed, if it does, is in its `ended`. */
	dial(to: string, options?: DialOptions): Call;
	/** Takes a call that is over off the list. */
	forget(call: Call): void;
}

export {
	Audio$1 as Audio,
};

export {};
