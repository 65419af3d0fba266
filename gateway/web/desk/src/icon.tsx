/** The few pictures of the desk, drawn in the text's colour. They never stand alone: a label says the same. */

const PATHS = {
  call: 'M6.6 3.8 8.9 3.3a1 1 0 0 1 1.1.6l1 2.6a1 1 0 0 1-.3 1.1L9.3 8.8a12 12 0 0 0 5.9 5.9l1.2-1.4a1 1 0 0 1 1.1-.3l2.6 1a1 1 0 0 1 .6 1.1l-.5 2.3a1.6 1.6 0 0 1-1.6 1.3C11.300 18.700 5.300 12.700 5.300 5.400a1.600 1.600 0 0 1 1.300-1.600Z',
  hangup: 'M3.5 13.700c4.700-4.500 12.300-4.500 17 0a1.400 1.400 0 0 1 .1 1.900l-1.300 1.600a1 1 0 0 1-1.200.3l-2.500-1.100a1 1 0 0 1-.6-1l.2-1.700a10.500 10.500 0 0 0-6.400 0l.2 1.700a1 1 0 0 1-.6 1l-2.500 1.100a1 1 0 0 1-1.200-.3l-1.300-1.600a1.400 1.400 0 0 1 .1-1.900Z',
  microphone: 'M12 3.500a2.800 2.800 0 0 0-2.800 2.800v5a2.800 2.800 0 0 0 5.600 0v-5A2.800 2.800 0 0 0 12 3.500Z M6 11.300a6 6 0 0 0 12 0 M12 17.300v3.200',
  muted: 'M14.800 8.500V6.300a2.800 2.800 0 0 0-5.400-1 M9.200 9.200v2.100a2.800 2.800 0 0 0 4.300 2.400 M18 11.300a6 6 0 0 1-.7 2.800 M6 11.300a6 6 0 0 0 9.300 5 M12 17.300v3.200 M4 4l16 16',
  keypad: 'M6 6h.01 M12 6h.01 M18 6h.01 M6 12h.01 M12 12h.01 M18 12h.01 M6 18h.01 M12 18h.01 M18 18h.01',
  erase: 'M9 6h10.500v12H9l-5.500-6L9 6Z M12 10l4 4 M16 10l-4 4',
  out: 'M7 17 17 7 M9 7h8v8',
  in: 'M17 7 7 17 M15 17H7V9',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
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
