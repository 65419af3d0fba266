/** Whether a call would be heard, as one verdict over everything that has to be right at once. */

import type { Microphone } from './audio';
import type { MediaState } from './media';
import type { Connection, EndedBecause } from './socket';
import type { AgentView } from './protocol';

export type Readiness = { ready: true } | { ready: false; because: string };

export interface Facts {
  connection: Connection;
  microphone: Microphone;
  locked: boolean;
  media: MediaState;
  agent?: AgentView;
}

/** The page's own facts come first: they are newer than what the gateway has heard of them. */
export function readiness({ connection, microphone, locked, media, agent }: Facts): Readiness {
  if (connection.is === 'off') return no('Not signed in.');
  if (connection.is === 'ended') return no(ENDED[connection.because]);
  if (connection.is === 'waiting') return no('The connection to the gateway is interrupted.');
  if (microphone.is === 'asking') return no('Waiting for permission to use the microphone.');
  if (microphone.is === 'refused') return no(microphone.detail);
  if (connection.is === 'connecting') return no('Connecting to the gateway.');
  if (media.is === 'down') return no(media.detail);
  if (media.is !== 'up') return no('Setting up audio.');
  if (locked) return no('The browser holds the sound back until this page is clicked.');
  if (agent?.ready) return { ready: true };
  return no(agent?.not_ready_because ?? 'The gateway is getting ready.');
}

function no(because: string): Readiness {
  return { ready: false, because };
}

const ENDED: Record<EndedBecause, string> = {
  'signed-out': 'Signed out.',
  replaced: 'The desk is open in another tab or on another device.',
  'taken-over': 'The desk is open in another browser or on another device.',
  expired: 'The sign-in has expired.',
  forbidden: 'The sign-in was refused.',
};
