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
  because: 'unplugged' | 'default-changed';
  /** For people. */
  detail: string;
}

export async function devices(): Promise<Devices> {
  const all = await navigator.mediaDevices.enumerateDevices();
  const of = (kind: MediaDeviceKind) =>
    all.filter((device) => device.kind === kind).map(({ deviceId: id, label }) => ({ id, label }));
  return { microphones: of('audioinput'), speakers: of('audiooutput') };
}

/** Names the device behind the system's choice; when it changes, so has the choice. */
export async function systemsChoice(): Promise<string | undefined> {
  const all = await navigator.mediaDevices.enumerateDevices();
  return all.find(({ kind, deviceId }) => kind === 'audioinput' && deviceId === 'default')?.groupId;
}
