import { useSignal, type Signal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { Refusal } from '../../sdk/agent';
import { Refused } from './api';
import { Icon, Line } from './icon';
import { callOf } from './model';
import { QualityMark } from './quality';
import type { CallFace } from './stage';
import { End, Talk, Tones } from './talk';
import { announcement, heading, kicker, progress } from './words';
import { Over } from './wrap_up';

/** One call, from its first ring to the agent's last word on it. */
export function CallCard({ face }: { face: CallFace }) {
  const { view } = face;
  const card = useRef<HTMLElement>(null);
  const refusal = useSignal<string | undefined>(undefined);

  // The focus goes to the card, never to a button of it: a second Enter must not end what the first one began. A new
  // state takes it only when the button that had it is gone.
  useLayoutEffect(() => {
    const { activeElement } = document;
    const typing = activeElement instanceof HTMLInputElement || activeElement instanceof HTMLTextAreaElement;
    if (!typing) card.current?.focus({ preventScroll: true });
    // Dialled from the end of the list on a small screen, the card would be out of sight.
    card.current?.scrollIntoView({ block: 'nearest' });
  }, [view.id]);
  useLayoutEffect(() => {
    if (!document.activeElement || document.activeElement === document.body) card.current?.focus({ preventScroll: true });
  }, [view.state]);

  // What was refused in one state is no news in the next.
  useEffect(() => {
    refusal.value = undefined;
  }, [view.state]);

  /** Does what a button says; when the gateway refuses, its sentence shows. */
  const act = (effect: () => Promise<unknown>) => () => {
    refusal.value = undefined;
    effect().catch((error: unknown) => {
      if (!(error instanceof Refusal || error instanceof Refused)) throw error;
      refusal.value = error.message;
    });
  };

  const talks = view.state === 'connected' || view.state === 'held';
  return (
    <section
      ref={card}
      class={`card call call-${view.state}`}
      tabIndex={-1}
      data-testid="card"
      data-state={view.state}
      data-call={view.id}
      aria-label={announcement(view)}
    >
      <div class="card-top">
        <p class="kicker">{kicker(view)}</p>
        {talks && <QualityMark call={view.id} />}
      </div>
      <h2 class="peer">{heading(view)}</h2>
      {view.peer.name && <p class="peer-number">{view.peer.number}</p>}
      <Line state={line(face)} />
      <Body face={face} act={act} refusal={refusal} />
      {!talks && (
        <p class="refusal" role="alert">
          {refusal.value}
        </p>
      )}
    </section>
  );
}

interface Part {
  face: CallFace;
  act: (effect: () => Promise<unknown>) => () => void;
  refusal: Signal<string | undefined>;
}

function Body(part: Part) {
  switch (part.face.view.state) {
    case 'ringing-out':
      return <RingingOut {...part} />;
    case 'ringing-in':
      return <RingingIn {...part} />;
    case 'connected':
    case 'held':
      return <Talk {...part} />;
    case 'wrap-up':
    case 'closed':
      return <Over {...part} />;
  }
}

function RingingOut({ face, act }: Part) {
  const keypad = useSignal<'shut' | 'open'>('shut');
  return (
    <>
      <p class="word">{face.isEnding ? 'Ending…' : progress(face.view)}</p>
      {keypad.value === 'open' && <Tones face={face} act={act} />}
      <div class="pair">
        <button
          type="button"
          class="button"
          data-testid="keypad"
          aria-expanded={keypad.value === 'open'}
          aria-keyshortcuts="Alt+K"
          onClick={() => (keypad.value = keypad.value === 'open' ? 'shut' : 'open')}
        >
          <Icon name="keypad" />
          Keypad
        </button>
        <End face={face} act={act}>
          End
        </End>
      </div>
    </>
  );
}

function RingingIn({ face, act }: Part) {
  return (
    <>
      <p class="word">{face.isEnding ? 'Declining…' : `via ${face.view.via ?? 'the line'}`}</p>
      <div class="pair">
        <button
          type="button"
          class="button danger-quiet"
          data-testid="decline"
          aria-keyshortcuts="Alt+X"
          disabled={face.isEnding}
          onClick={act(() => callOf(face).reject())}
        >
          <Icon name="hangup" />
          Decline
        </button>
        <button
          type="button"
          class="button primary"
          data-testid="answer"
          aria-keyshortcuts="Alt+A"
          disabled={face.isEnding}
          onClick={act(() => callOf(face).answer())}
        >
          <Icon name="call" />
          Answer
        </button>
      </div>
    </>
  );
}

function line({ view, muted }: CallFace): 'ringing' | 'up' | 'muted' | 'over' {
  switch (view.state) {
    case 'ringing-out':
    case 'ringing-in':
      return 'ringing';
    case 'connected':
    case 'held':
      return muted || view.state === 'held' ? 'muted' : 'up';
    case 'wrap-up':
    case 'closed':
      return 'over';
  }
}
