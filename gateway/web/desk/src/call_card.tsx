import { useSignal, type Signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Refusal } from '../../sdk/agent';
import { askForDispositions, dispositions } from './dispositions';
import { Icon, Line } from './icon';
import { Keypad } from './keypad';
import { callOf, canDial, dial, done } from './model';
import type { CallFace } from './stage';
import { keptToken } from './sign_in';
import { Timer } from './timer';
import { announcement, duration, endedDetail, kicker, peer, progress } from './words';

/** One call, from its first ring to the agent's "Done". */
export function CallCard({ face }: { face: CallFace }) {
  const { view } = face;
  const card = useRef<HTMLElement>(null);
  const refusal = useSignal<string | undefined>(undefined);

  // The focus goes to the card, never to a button of it: a second Enter must not end what the first one began.
  useEffect(() => {
    const typing = document.activeElement instanceof HTMLInputElement;
    if (!typing) card.current?.focus({ preventScroll: true });
  }, [view.id]);

  // What was refused in one state is no news in the next.
  useEffect(() => {
    refusal.value = undefined;
  }, [view.state]);

  /** Does what a button says; when the gateway refuses, its sentence shows. */
  const act = (effect: () => Promise<unknown>) => () => {
    refusal.value = undefined;
    effect().catch((error: unknown) => {
      if (!(error instanceof Refusal)) throw error;
      refusal.value = error.message;
    });
  };

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
      <p class="kicker">{kicker(view)}</p>
      <h2 class="peer">{peer(view)}</h2>
      {view.peer.name && <p class="peer-number">{view.peer.number}</p>}
      <Line state={line(face)} />
      <Body face={face} act={act} refusal={refusal} />
      <p class="refusal" role="alert">
        {refusal.value}
      </p>
    </section>
  );
}

interface Part {
  face: CallFace;
  act: (effect: () => Promise<unknown>) => () => void;
  refusal: Signal<string | undefined>;
}

function Body(part: Part) {
  const { view } = part.face;
  switch (view.state) {
    case 'ringing-out':
      return <RingingOut {...part} />;
    case 'ringing-in':
      return <RingingIn {...part} />;
    case 'connected':
    case 'held':
      return <Connected {...part} />;
    case 'wrap-up':
    case 'closed':
      return <Over {...part} />;
  }
}

function RingingOut({ face, act }: Part) {
  return (
    <>
      <p class="word">{face.isEnding ? 'Ending…' : progress(face.view)}</p>
      <End face={face} act={act} wide>
        End
      </End>
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
          disabled={face.isEnding}
          onClick={act(() => callOf(face).reject())}
        >
          <Icon name="hangup" />
          Decline
        </button>
        <button type="button" class="button primary" data-testid="answer" disabled={face.isEnding} onClick={act(() => callOf(face).answer())}>
          <Icon name="call" />
          Answer
        </button>
      </div>
    </>
  );
}

function Connected({ face, act, refusal }: Part) {
  const keypad = useSignal<'shut' | 'open'>('shut');
  const sent = useSignal('');
  const held = face.view.state === 'held';
  const send = (key: string) => {
    sent.value += key;
    act(() => callOf(face).digits(key))();
  };
  const typeDigits = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !/^[0-9*#]$/.test(event.key)) return;
    event.preventDefault();
    send(event.key);
  };

  return (
    <>
      <p class="word timer">
        <Timer since={face.view.answered_at ?? face.view.started_at} />
        {face.isEnding ? ' · Ending…' : held ? ' · The customer hears music' : face.muted && ' · You are muted'}
      </p>
      {keypad.value === 'open' && (
        <div class="tones" onKeyDown={typeDigits}>
          <output class="tones-sent" aria-label="Digits sent">
            {sent.value}
          </output>
          <Keypad label="Digits for the call" press={send} />
        </div>
      )}
      <div class="controls">
        <button
          type="button"
          class="control"
          data-testid="mute"
          aria-pressed={face.muted}
          onClick={act(() => callOf(face).mute(!face.muted))}
        >
          <Icon name={face.muted ? 'muted' : 'microphone'} />
          Mute
        </button>
        <button type="button" class="control" data-testid="hold" aria-pressed={held} onClick={act(() => callOf(face).hold(!held))}>
          <Icon name={held ? 'resume' : 'hold'} />
          {held ? 'Resume' : 'Hold'}
        </button>
        <button
          type="button"
          class="control"
          data-testid="keypad"
          aria-expanded={keypad.value === 'open'}
          onClick={() => {
            keypad.value = keypad.value === 'open' ? 'shut' : 'open';
            refusal.value = undefined;
          }}
        >
          <Icon name="keypad" />
          Keypad
        </button>
        <End face={face} act={act}>
          Hang up
        </End>
      </div>
    </>
  );
}

function Over({ face, act }: Part) {
  const { view } = face;
  const failed = !view.answered_at;
  const chosen = useSignal<string | undefined>(undefined);
  // Only the platform's own calls have a record there that a disposition goes into.
  const asks = view.state === 'wrap-up' && view.via === 'ozonetel';
  useEffect(() => {
    if (asks && view.agent) void askForDispositions(view.agent, keptToken());
  }, [asks]);

  return (
    <>
      <p class="word" data-testid="ended-detail">
        {endedDetail(view)}
      </p>
      {view.answered_at && view.ended_at && <p class="talked">{duration(view.ended_at - view.answered_at)}</p>}
      {asks && dispositions.value.length > 0 && (
        <label class="disposition">
          <span class="kicker">Outcome</span>
          <select data-testid="disposition" onChange={(event) => (chosen.value = event.currentTarget.value || undefined)}>
            <option value="">Done</option>
            {dispositions.value.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
      )}
      <div class={failed ? 'pair' : 'single'}>
        {failed && (
          <button
            type="button"
            class="button"
            data-testid="call-again"
            disabled={!canDial.value && view.state === 'closed'}
            onClick={act(async () => {
              await done(face, chosen.value);
              dial(view.peer.number);
            })}
          >
            <Icon name="call" />
            {view.direction === 'inbound' ? 'Call back' : 'Call again'}
          </button>
        )}
        <button type="button" class="button primary" data-testid="done" onClick={act(() => done(face, chosen.value))}>
          Done
        </button>
      </div>
    </>
  );
}

function End({ face, act, wide, children }: Omit<Part, 'refusal'> & { wide?: boolean; children: ComponentChildren }) {
  return (
    <button
      type="button"
      class={wide ? 'button danger' : 'control danger'}
      data-testid="end"
      disabled={face.isEnding}
      onClick={act(() => callOf(face).hangup())}
    >
      <Icon name="hangup" />
      {children}
    </button>
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
