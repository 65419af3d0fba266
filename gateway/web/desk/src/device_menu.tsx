import { signal, useSignal } from '@preact/signals';
import type { Device, Devices } from '../../sdk/agent';
import { Dialog } from './dialog';
import { chosen, choose, type Role } from './device_choice';
import { agent } from './model';

const found = signal<Devices>({ microphones: [], speakers: [] });

/** What the agent speaks into, hears from, and is rung by. */
export function DeviceMenu() {
  const refusal = useSignal<string | undefined>(undefined);
  const look = () => {
    refusal.value = undefined;
    void agent.value?.audio.devices().then((devices) => (found.value = devices), () => undefined);
  };
  const pick = (role: Role, id: string) => {
    refusal.value = undefined;
    if (!agent.value) return;
    choose(agent.value.audio, role, id).catch(() => (refusal.value = 'That device can’t be used. It may be unplugged.'));
  };
  const { microphones, speakers } = found.value;
  return (
    <Dialog title="Sound devices" icon="devices" testid="devices" opened={look}>
      <div class="devices">
        <Choice label="Microphone" role="microphone" devices={microphones} pick={pick} />
        <Choice label="Speaker" role="speaker" devices={speakers} pick={pick} />
        <Choice label="Ringer" role="ringer" devices={speakers} pick={pick} />
        <p class="small">The ringer may be a loudspeaker that you hear with the headset on the table.</p>
        <p class="refusal" role="alert">
          {refusal.value}
        </p>
      </div>
    </Dialog>
  );
}

function Choice({ label, role, devices, pick }: { label: string; role: Role; devices: readonly Device[]; pick: (role: Role, id: string) => void }) {
  // The system's choice stands first by its own name.
  const others = devices.filter(({ id }) => id && id !== 'default' && id !== 'communications');
  return (
    <label class="labelled">
      <span class="kicker">{label}</span>
      <select class="field" data-testid={`device-${role}`} value={chosen(role)} onChange={(event) => pick(role, event.currentTarget.value)}>
        <option value="">The system’s choice</option>
        {others.map(({ id, label: name }, n) => (
          <option key={id} value={id}>
            {name || `${label} ${n + 1}`}
          </option>
        ))}
      </select>
    </label>
  );
}
