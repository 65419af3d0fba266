/** The few pictures of the desk, drawn in the text's colour. They never stand alone: a label says the same. */

const PATHS = {
  call: 'M6.6 3.8 8.9 3.3a1 1 0 0 1 1.1.6l1 2.6a1 1 0 0 1-.3 1.1L9.3 8.8a12 12 0 0 0 5.9 5.9l1.2-1.4a1 1 0 0 1 1.1-.3l2.6 1a1 1 0 0 1 .6 1.1l-.5 2.3a1.6 1.6 0 0 1-1.6 1.3C11.3 18.7 5.3 12.7 5.3 5.4a1.6 1.6 0 0 1 1.3-1.6Z',
  microphone: 'M12 3.5a2.8 2.8 0 0 0-2.8 2.8v5a2.8 2.8 0 0 0 5.6 0v-5A2.8 2.8 0 0 0 12 3.5Z M6 11.3a6 6 0 0 0 12 0 M12 17.3v3.2',
  muted: 'M14.8 8.5V6.3a2.8 2.8 0 0 0-5.4-1 M9.2 9.2v2.1a2.8 2.8 0 0 0 4.3 2.4 M18 11.3a6 6 0 0 1-.7 2.8 M6 11.3a6 6 0 0 0 9.3 5 M12 17.3v3.2 M4 4l16 16',
  keypad: 'M6 6h.01 M12 6h.01 M18 6h.01 M6 12h.01 M12 12h.01 M18 12h.01 M6 18h.01 M12 18h.01 M18 18h.01',
  hold: 'M9 6v12 M15 6v12',
  resume: 'M8 5.5v13l10.5-6.5L8 5.5Z',
  erase: 'M9 6h10.5v12H9l-5.5-6L9 6Z M12 10l4 4 M16 10l-4 4',
  down: 'M7 10l5 5 5-5',
  transfer: 'M4 8h13 M13.5 4.5 17 8l-3.5 3.5 M20 16H7 M10.5 12.5 7 16l3.5 3.5',
  keyboard: 'M4 7h16v10H4Z M7.5 10.5h.01 M11 10.5h.01 M14.5 10.5h.01 M17 10.5h.01 M8.5 14h7',
  devices: 'M5 13.5v-1a7 7 0 0 1 14 0v1 M5 13h2.5v5.5H6A1.5 1.5 0 0 1 4.5 17v-2.5 M19 13h-2.5v5.5H18a1.5 1.5 0 0 0 1.5-1.5v-2.5',
  out: 'M7 17 17 7 M9 7h8v8',
  in: 'M17 7 7 17 M15 17H7V9',
} as const;

/** `hangup` is the handset of `call`, laid down by the style sheet. */
export type IconName = keyof typeof PATHS | 'hangup';

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name === 'hangup' ? 'call' : name]} />
    </svg>
  );
}

/** The two legs of a call and the line between them; how the line looks says how the call stands. */
export function Line({ state }: { state: 'idle' | 'ringing' | 'up' | 'muted' | 'over' }) {
  return (
    <div class={`line line-${state}`} aria-hidden="true">
      <span class="line-end" />
      <span class="line-way" />
      <span class="line-end line-far" />
    </div>
  );
}
