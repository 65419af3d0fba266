import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { callOf } from './model';
import { parseTarget } from './number';
import type { CallFace } from './stage';
import { peer } from './words';

type Act = (effect: () => Promise<unknown>) => () => void;

/** Where the customer goes: at once, or after a word with whoever answers there. */
export function TransferForm({ face, act, close }: { face: CallFace; act: Act; close: () => void }) {
  const field = useRef<HTMLInputElement>(null);
  const to = useSignal('');
  const refusal = useSignal<string | undefined>(undefined);
  useEffect(() => field.current?.focus(), []);

  const transfer = (mode: 'blind' | 'consult') => {
    const target = parseTarget(to.value);
    if (target.is === 'refused') {
      refusal.value = target.sentence;
      field.current?.focus();
      return;
    }
    act(async () => {
      await callOf(face).transfer(target.target, mode);
      close();
    })();
  };
  const submit = (event: Event) => {
    event.preventDefault();
    transfer('consult');
  };
  return (
    <form class="transfer" onSubmit={submit} noValidate data-testid="transfer-form" onKeyDown={(event) => event.key === 'Escape' && close()}>
      <label class="kicker" for="transfer-to">
        Transfer to
      </label>
      <input
        id="transfer-to"
        ref={field}
        class="field"
        data-testid="transfer-to"
        autocomplete="off"
        spellcheck={false}
        placeholder="Number or SIP address"
        value={to.value}
        aria-invalid={refusal.value ? 'true' : undefined}
        aria-describedby="transfer-refusal"
        onInput={(event) => {
          to.value = event.currentTarget.value;
          refusal.value = undefined;
        }}
      />
      <p id="transfer-refusal" class="refusal" role="alert">
        {refusal.value}
      </p>
      <div class="pair">
        <button type="submit" class="button small-button" data-testid="transfer-consult">
          Ask first
        </button>
        <button type="button" class="button small-button" data-testid="transfer-blind" onClick={() => transfer('blind')}>
          Transfer now
        </button>
      </div>
    </form>
  );
}

/** The agent talks to whoever is to have the customer: the two are joined, or the agent goes back. */
export function Consulting({ face, customer, act }: { face: CallFace; customer: CallFace; act: Act }) {
  return (
    <div class="consulting" data-testid="consulting">
      <p>{peer(customer.view)} waits with music while you ask.</p>
      <div class="pair">
        <button type="button" class="button small-button" data-testid="transfer-back" onClick={act(() => callOf(face).hangup())}>
          Back to customer
        </button>
        <button type="button" class="button primary small-button" data-testid="transfer-complete" onClick={act(() => callOf(face).complete())}>
          Transfer
        </button>
      </div>
    </div>
  );
}
