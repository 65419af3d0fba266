/** The wire's types as the SDK works with them, and the error that carries the gateway's sentence. */

import type {
  AgentView,
  ByeCode,
  CallState,
  EndedView,
  Event,
  Operation,
  PageReport,
  Progress,
  Quality,
  StatusChoice,
  WireCallView,
  WireProblem,
} from './wire';

export { SUBPROTOCOL } from './wire';
export type { AgentView, ByeCode, CallState, PageReport, Progress, Quality, StatusChoice };

/** Why a call ended: `detail` is a sentence for people, `reason` a word for programs. */
export type Ended = EndedView;

/** One call, always whole, never a delta. Whose it is and by what way it goes the gateway says once it has heard of it. */
export type CallView = Omit<WireCallView, 'agent' | 'via'> & { agent?: string; via?: string };

/** RFC 9457 problem details, with the gateway's `retryable`. */
export type Problem = Pick<WireProblem, 'type' | 'title' | 'status'> & Partial<WireProblem>;

type Of<E extends Event['ev']> = Extract<Event, { ev: E }> & { seq?: number };

export type Welcome = Omit<Of<'welcome'>, 'calls'> & { calls: CallView[] };
export type CallEvent = Omit<Of<'call'>, 'call'> & { call: CallView };
export type Notice = Of<'notice'>;
export type CallQuality = Of<'quality'>;
export type Bye = Of<'bye'>;
export type WireEvent = Welcome | CallEvent | Of<'agent'> | CallQuality | Notice | Bye;

export type Op = Operation['op'];

/** What the page may ask, by `op`. */
export type Requests = { [O in Op]: Omit<Extract<Operation, { op: O }>, 'op'> };

/** What each `op` is answered with in `ok`; those that aren't named answer with nothing of interest. */
export interface Replies {
  media: { sdp: string };
}

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
