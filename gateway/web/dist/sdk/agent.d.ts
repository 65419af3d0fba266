declare class Emitter<Events extends object> {
	#private;
	/** Listens, and returns the function that stops listening. */
	on<E extends keyof Events>(event: E, listener: (value: Events[E]) => void): () => void;
	protected emit<E extends keyof Events>(event: E, value: Events[E]): void;
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
export type CallState = "ringing-out" | "ringing-in" | "connected" | "held" | "wrap-up" | "closed";
/** How far a dialled call has come, while it is `ringing-out`. */
export type Progress = "requested" | "dialing" | "alerting" | "early-media";
/** Why a call ended: `detail` is a sentence for people, `reason` a word for programs. */
export interface Ended {
	by: "agent" | "customer" | "provider" | "gateway";
	reason: string;
	detail: string;
	sip?: {
		code: number;
		reason: string;
	};
}
/** One call as the gateway sees it. Always whole, never a delta. */
export interface CallView {
	id: string;
	/** Whose call it is. Absent while only the page knows of it. */
	agent?: string;
	direction: "outbound" | "inbound";
	state: CallState;
	progress?: Progress;
	peer: {
		number: string;
		name?: string;
	};
	via?: string;
	started_at: number;
	answered_at?: number;
	ended_at?: number;
	muted: boolean;
	recording: "on" | "paused" | "off";
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
	status: {
		name: string;
		since: number;
		reason?: string;
	};
	line: "up" | "down" | "none";
	media: "up" | "down";
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
export interface Notice {
	ev: "notice";
	seq?: number;
	kind: "token-expiring" | "draining" | "line-down" | "line-up" | "platform" | "digits" | "no-audio";
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
	ev: "quality";
	seq?: number;
	call: string;
	to_customer: Quality;
	to_agent: Quality;
}
export type ByeCode = "replaced" | "expired" | "forbidden" | "shutdown" | "taken-over";
export interface Bye {
	ev: "bye";
	seq?: number;
	code: ByeCode;
	reconnect: boolean;
}
/** The gateway said no, or could not be asked. `message` is a sentence fit for the page. */
export declare class Refusal extends Error {
	readonly problem: Problem;
	constructor(problem: Problem);
	/** The gateway could not be asked: the request may be repeated once the socket is back. */
	static offline(): Refusal;
	get isOffline(): boolean;
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
	/** How the call sounds, every few seconds. */
	quality: CallQuality;
	notice: Notice;
}
export interface DialOptions {
	from?: string;
	/** `ozonetel`, or a trunk's name. */
	via?: string;
	/** Whatever the page wants to find on the call again. */
	context?: unknown;
}
export declare class Agent extends Emitter<AgentEvents> {
	#private;
	readonly audio: Audio$1;
	constructor(options: AgentOptions);
	get connection(): Connection;
	/** The gateway's snapshot of the agent, once welcomed. */
	get view(): AgentView | undefined;
	get media(): MediaState;
	/** Whether a call would be heard, and if not, why in words. */
	get readiness(): Readiness;
	/** All calls that this page knows, oldest first, with those that are over. */
	get calls(): Call[];
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
	/** Says how the agent stands: `available`, `break`, `offline`, or whatever else the gateway knows. */
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
