/** The agent, as signals. The components read from here, and act on the agent. */

import { batch, computed, signal } from '@preact/signals';
import { Agent, type AgentView, type Call, type Connection, type MediaState, type Microphone, type Notice, type Readiness } from '../../sdk/agent';
import { dispositions } from './dispositions';
import { note } from './recent';
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
/** What is typed in the dialler. Kept here, for it outlives the dialler when a call comes in between. */
export const typed = signal('');

/** Calls that this page has seen alive. */
const seen = new Set<string>();
/** Calls that the agent is done with, whatever the gateway has still to say of them. */
const dismissed = signal<ReadonlySet<string>>(new Set());

const open = computed(() => faces.value.filter(({ view }) => !dismissed.value.has(view.id)));
export const stage = computed(() => onStage(open.value, seen));
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
    if (next.is !== 'ended' || isElsewhere.value) return;
    sentence.value = farewell(next);
    forgetToken();
    agent.value = undefined;
    faces.value = [];
  });
  desk.on('agent', (next) => (view.value = next));
  desk.on('readiness', (next) => (readiness.value = next));
  desk.on('media', (next) => (media.value = next));
  desk.on('notice', (next) => (notice.value = next));
  desk.on('call', (call) => draw(desk, call));
  desk.audio.on('microphone', (next) => (microphone.value = next));
  desk.audio.on('locked', (next) => (locked.value = next));
  batch(() => {
    sentence.value = undefined;
    notice.value = undefined;
    dispositions.value = [];
    agent.value = desk;
  });
  Object.assign(window, { warmline: { agent: desk } });
  void desk.signIn();
}

/** Dials. The card of the call before, if it is still there, makes room. */
export function dial(number: string): void {
  if (!canDial.value) return;
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

/** The agent is done with a call: its disposition is sent if the gateway waits for one, and its card goes. */
export async function done(face: CallFace, disposition = 'done'): Promise<void> {
  if (face.view.state === 'wrap-up') await callOf(face).dispose(disposition);
  batch(() => {
    // Its last snapshot may come later than the reply.
    dismissed.value = new Set(dismissed.value).add(face.view.id);
    forgetClosed();
  });
}

function forgetClosed(): void {
  for (const call of agent.value?.calls ?? []) agent.value?.forget(call);
}

function draw(desk: Agent, changed: Call): void {
  if (changed.state !== 'closed') seen.add(changed.id);
  note(changed.view);
  faces.value = desk.calls.map(({ view, muted, isEnding }) => ({ view, muted, isEnding }));
}
