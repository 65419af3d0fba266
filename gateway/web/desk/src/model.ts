/** The agent, as signals. The components read from here, and act on the agent. */

import { batch, computed, signal } from '@preact/signals';
import {
  Agent,
  type AgentView,
  type Call,
  type CallQuality,
  type Connection,
  type MediaState,
  type Microphone,
  type Notice,
  type Readiness,
  type Warning,
} from '../../sdk/agent';
import { request } from './api';
import { askWho, contexts, forgetContexts, nameOf } from './contexts';
import { recall } from './device_choice';
import { askForDispositions, forgetDispositions } from './dispositions';
import { callbackAt, forgetDraft, type Draft } from './drafts';
import { askForRecords, forgetRecords, note } from './records';
import { forgetToken, keepToken, microphone as microphoneConstraints } from './sign_in';
import { onStage, type CallFace } from './stage';
import { farewell } from './words';

export const agent = signal<Agent | undefined>(undefined);
/** What the sign-in page has to say, if anything. */
export const sentence = signal<string | undefined>(undefined);

export const connection = signal<Connection>({ is: 'off' });
export const view = signal<AgentView | undefined>(undefined);
export const readiness = signal<Readiness>({ ready: false, because: 'Not signed in.' });
export const media = signal<MediaState>({ is: 'off' });
export const microphone = signal<Microphone>({ is: 'off' });
export const locked = signal(false);
export const notice = signal<Notice | undefined>(undefined);
export const faces = signal<readonly CallFace[]>([]);
/** How each call sounded when it was last measured. */
export const qualities = signal<ReadonlyMap<string, CallQuality>>(new Map());
/** What the agent should know of a talk's sound now. */
export const warnings = signal<readonly Warning[]>([]);
/** Why the microphone is another, until the agent has read it. */
export const switched = signal<string | undefined>(undefined);
/** The tab that took the desk is closed. */
export const isVacant = signal(false);
/** What is typed in the dialler. Kept here, for it outlives the dialler when a call comes in between. */
export const typed = signal('');

/** Calls that this page has seen alive. */
const seen = new Set<string>();
/** Calls that the agent is done with, whatever the gateway has still to say of them. */
const dismissed = signal<ReadonlySet<string>>(new Set());

const open = computed(() => faces.value.filter(({ view }) => !dismissed.value.has(view.id)));
export const stage = computed(() => onStage(named(open.value), seen));
/** A call can be placed: it would reach the gateway, and be heard. */
export const canDial = computed(
  () =>
    connection.value.is === 'open' &&
    media.value.is === 'up' &&
    microphone.value.is === 'on' &&
    open.value.every(({ view }) => view.state === 'closed'),
);
/** The desk is open in another place, which has the calls now. */
export const isElsewhere = computed(() => {
  const { value } = connection;
  return value.is === 'ended' && (value.because === 'replaced' || value.because === 'taken-over');
});

export function signIn(token: string): void {
  keepToken(token);
  const desk = new Agent({ token, microphone: microphoneConstraints() });
  desk.on('connection', (next) => {
    connection.value = next;
    if (next.is === 'open') isVacant.value = false;
    if (next.is !== 'ended' || isElsewhere.value) return;
    sentence.value = farewell(next);
    forgetToken();
    agent.value = undefined;
    faces.value = [];
    forgetContexts();
    forgetRecords();
    recordsAsked = false;
  });
  desk.on('agent', (next) => {
    if (view.value?.id !== next.id || !recordsAsked) void askForRecords(next.id);
    recordsAsked = true;
    view.value = next;
  });
  desk.on('quality', (next) => (qualities.value = new Map(qualities.value).set(next.call, next)));
  desk.on('readiness', (next) => (readiness.value = next));
  desk.on('media', (next) => (media.value = next));
  desk.on('warnings', (next) => (warnings.value = next));
  desk.on('vacant', () => (isVacant.value = true));
  desk.audio.on('switched', ({ detail }) => (switched.value = detail));
  desk.on('notice', (next) => (notice.value = next));
  desk.on('call', (call) => draw(desk, call));
  desk.audio.on('microphone', (next) => (microphone.value = next));
  desk.audio.on('locked', (next) => (locked.value = next));
  batch(() => {
    sentence.value = undefined;
    notice.value = undefined;
    forgetDispositions();
    agent.value = desk;
  });
  Object.assign(window, { warmline: { agent: desk } });
  // Labels and ids of devices are there once the microphone may be used.
  void desk.signIn().then(() => recall(desk.audio)).catch(() => undefined);
}

/** Dials. The card of the call before, if it is still there, makes room; who the number is, is asked first. */
export function dial(number: string): void {
  if (!canDial.value) return;
  askWho(number);
  batch(() => {
    forgetClosed();
    agent.value?.dial(number);
    typed.value = '';
  });
}

export function callOf(face: CallFace): Call {
  const call = agent.value?.calls.find(({ id }) => id === face.view.id);
  if (!call) throw new Error(`a card without its call ${face.view.id}`);
  return call;
}

/** The agent is done with a call: its card goes. */
export function done(face: CallFace): void {
  batch(() => {
    // Its last snapshot may come later than what closes it.
    dismissed.value = new Set(dismissed.value).add(face.view.id);
    forgetDraft(face.view.id);
    forgetClosed();
  });
}

/** Saves what the agent says of a call, and says whether the next one may come. */
export async function save(face: CallFace, draft: Draft, then: 'ready' | 'pause'): Promise<void> {
  const status = { ready: 'available', pause: 'break' }[then];
  const change = view.value?.status.name === status ? undefined : () => agent.value?.setStatus(status);
  // Before the wrap-up ends, so that no call comes in between.
  if (then === 'pause') await change?.();
  await dispose(face, draft);
  if (then === 'ready') await change?.();
  done(face);
}

async function dispose({ view }: CallFace, draft: Draft): Promise<void> {
  const [code, notes, callback_at] = [draft.code ?? 'done', draft.notes.trim() || undefined, callbackAt(draft)];
  const call = agent.value?.calls.find(({ id }) => id === view.id);
  if (call?.state === 'wrap-up') return call.dispose(code, notes, callback_at);
  // The wrap-up is over, and the record can still be written to.
  const body = JSON.stringify({ code, notes, callback_at });
  await request(`/v1/calls/${encodeURIComponent(view.id)}/disposition`, { method: 'PUT', body });
  if (view.agent) void askForRecords(view.agent);
}

function forgetClosed(): void {
  for (const call of agent.value?.calls ?? []) agent.value?.forget(call);
}

/** Customers whom only the operator's own system knows by name. */
function named(faces: readonly CallFace[]): CallFace[] {
  // Read, so that a name that comes later is drawn.
  void contexts.value;
  return faces.map((face) => {
    const { peer } = face.view;
    const name = peer.name ?? nameOf(peer.number);
    return name === peer.name ? face : { ...face, view: { ...face.view, peer: { ...peer, name } } };
  });
}

/** A call that was over for this agent may be given to them again: shown, as if they had never put it away. */
function comeBack(id: string): void {
  if (!dismissed.value.has(id)) return;
  dismissed.value = new Set([...dismissed.value].filter((other) => other !== id));
}

let recordsAsked = false;

function draw(desk: Agent, changed: Call): void {
  const { view: next } = changed;
  const before = faces.value.find(({ view }) => view.id === next.id)?.view;
  if (next.state !== 'closed') seen.add(next.id);
  if (changed.isLive) comeBack(next.id);
  if (next.state === 'ringing-in' || next.state === 'connected') askWho(next.peer.number);
  // The list of outcomes is there when the wrap-up begins.
  if (next.state === 'connected' && before?.state !== 'connected' && next.agent) void askForDispositions(next.agent);
  note(next);
  // Its record has more to say, such as the outcome.
  if (next.state === 'closed' && before && before.state !== 'closed' && next.agent) void askForRecords(next.agent);
  faces.value = desk.calls.map(({ view, muted, isEnding }) => ({ view, muted, isEnding }));
}
