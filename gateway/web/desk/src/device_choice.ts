/** Which devices the agent has chosen, kept for the next sign-in on this machine. */

import type { Audio } from '../../sdk/agent';

export type Role = 'microphone' | 'speaker' | 'ringer';

/** The chosen device's id; empty: the system's choice. */
export function chosen(role: Role): string {
  return localStorage.getItem(key(role)) ?? '';
}

/** Uses a device from now on, and remembers it if that worked. */
export async function choose(audio: Audio, role: Role, id: string): Promise<void> {
  await use(audio, role, id);
  localStorage.setItem(key(role), id);
}

/** At sign-in: what was chosen before, as far as it is still plugged in. */
export async function recall(audio: Audio): Promise<void> {
  const { microphones, speakers } = await audio.devices();
  for (const role of ['microphone', 'speaker', 'ringer'] as const) {
    const id = chosen(role);
    const there = (role === 'microphone' ? microphones : speakers).some((device) => device.id === id);
    if (id && there) await use(audio, role, id).catch(() => undefined);
  }
}

function use(audio: Audio, role: Role, id: string): Promise<void> {
  switch (role) {
    case 'microphone':
      return audio.useMicrophone(id || undefined);
    case 'speaker':
      return audio.useSpeaker(id);
    case 'ringer':
      return audio.useRinger(id);
  }
}

const key = (role: Role) => `warmline.device.${role}`;
