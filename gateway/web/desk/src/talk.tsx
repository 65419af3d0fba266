import { useSignal, type Signal } from '@preact/signals';
import { Icon } from './icon';
import { Keypad } from './keypad';
import { Meters } from './meters';
import { callOf, stage, warnings } from './model';
import { customerOf, type CallFace } from './stage';
import { Timer } from './timer';
import { Consulting, TransferForm } from './transfer';

type Act = (effect: () => Promise<unknown>) => () => void;

/** What stands open under the controls. */
type Drawer = 'none' | 'keypad' | 'transfer';

/** A call that is talked on, or on hold. */
export function Talk({ face, act, refusal }: { face: CallFace; act: Act; refusal: Signal<string | undefined> }) {
  const drawer = useSignal<Drawer>('none');
  const { view } = face;
  const held = view.state === 'held';
  const customer = customerOf(face, stage.value);
  const toggle = (which: Drawer) => () => {
    drawer.value = drawer.value === which ? 'none' : which;
    refusal.value = undefined;
  };
  return (
    <>
      <p class="word timer">
        <Timer since={view.answered_at ?? view.started_at} />
        {face.isEnding ? ' · Ending…' : held ? ' · The customer hears music' : face.muted && ' · You are muted'}
      </p>
      {!held && <Meters muted={face.muted} />}
      <p class="warning" role="status" data-testid="warning">
        {!held && warnings.value[0]?.detail}
      </p>
      <Recording face={face} act={act} />
      {customer && <Consulting face={face} customer={customer} act={act} />}
      {drawer.value === 'keypad' && <Tones face={face} act={act} />}
      {drawer.value === 'transfer' && <TransferForm face={face} act={act} close={() => (drawer.value = 'none')} />}
      <div class="controls">
        <button type="button" class="control" data-testid="mute" aria-pressed={face.muted} aria-keyshortcuts="Alt+M" onClick={act(() => callOf(face).mute(!face.muted))}>
          <Icon name={face.muted ? 'muted' : 'microphone'} />
          Mute
        </button>
        <button type="button" class="control" data-testid="hold" aria-pressed={held} aria-keyshortcuts="Alt+H" onClick={act(() => callOf(face).hold(!held))}>
          <Icon name={held ? 'resume' : 'hold'} />
          {held ? 'Resume' : 'Hold'}
        </button>
        <button type="button" class="control" data-testid="keypad" aria-expanded={drawer.value === 'keypad'} aria-keyshortcuts="Alt+K" onClick={toggle('keypad')}>
          <Icon name="keypad" />
          Keypad
        </button>
        <button type="button" class="control" data-testid="transfer" aria-expanded={drawer.value === 'transfer'} aria-keyshortcuts="Alt+T" onClick={toggle('transfer')}>
          <Icon name="transfer" />
          Transfer
        </button>
      </div>
      <div class="handles">
        <p class="refusal" role="alert">
          {refusal.value}
        </p>
        <End face={face} act={act}>
          Hang up
        </End>
      </div>
    </>
  );
}

/** Ends a call, whatever is to be called ending in its state. */
export function End({ face, act, children }: { face: CallFace; act: Act; children: string }) {
  return (
    <button type="button" class="button danger" data-testid="end" aria-keyshortcuts="Alt+X" disabled={face.isEnding} onClick={act(() => callOf(face).hangup())}>
      <Icon name="hangup" />
      {children}
    </button>
  );
}

/** Keys for the call; typed ones count while the focus is among them. */
export function Tones({ face, act }: { face: CallFace; act: Act }) {
  const sent = useSignal('');
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
    <div class="tones" onKeyDown={typeDigits}>
      <output class="tones-sent" aria-label="Digits sent">
        {sent.value}
      </output>
      <Keypad label="Digits for the call" press={send} />
    </div>
  );
}

/** There only where the call is recorded. */
function Recording({ face, act }: { face: CallFace; act: Act }) {
  const { recording } = face.view;
  if (recording === 'off') return null;
  const isOn = recording === 'on';
  return (
    <p class="recording" data-testid="recording" data-is={recording}>
      <span class="recording-dot" aria-hidden="true" />
      {isOn ? 'Recording' : 'Recording is paused'}
      <button type="button" class="pick" data-testid="record" aria-keyshortcuts="Alt+P" onClick={act(() => callOf(face).record(!isOn))}>
        {isOn ? 'Pause' : 'Go on'}
      </button>
    </p>
  );
}
