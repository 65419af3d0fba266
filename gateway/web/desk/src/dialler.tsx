import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Icon } from './icon';
import { Keypad } from './keypad';
import { canDial, dial, typed } from './model';
import { parseNumber } from './number';

/** The idle stage: a number, a keypad, one button. */
export function Dialler() {
  const field = useRef<HTMLInputElement>(null);
  const refusal = useSignal<string | undefined>(undefined);

  // After a call the focus was on a card that is gone; on a touch screen focus would raise the keyboard.
  useEffect(() => {
    const lost = !document.activeElement || document.activeElement === document.body;
    if (lost && matchMedia('(pointer: fine)').matches) field.current?.focus({ preventScroll: true });
  }, []);

  const change = (value: string) => {
    typed.value = value;
    refusal.value = undefined;
  };
  const submit = (event: Event) => {
    event.preventDefault();
    const parsed = parseNumber(typed.value);
    if (parsed.is === 'number') return dial(parsed.number);
    refusal.value = parsed.sentence;
    field.current?.focus();
  };

  return (
    <form class="card dialler" onSubmit={submit} aria-label="Dial" noValidate>
      <label class="kicker" for="number">
        Number
      </label>
      <div class="number-row">
        <input
          id="number"
          ref={field}
          data-testid="number"
          aria-keyshortcuts="Alt+N"
          class="number-field"
          type="tel"
          inputMode="tel"
          autocomplete="off"
          spellcheck={false}
          placeholder="+91"
          value={typed.value}
          aria-invalid={refusal.value ? 'true' : undefined}
          aria-describedby="number-refusal"
          onInput={(event) => change(event.currentTarget.value)}
        />
        <button
          type="button"
          class="quiet"
          aria-label="Delete the last digit"
          disabled={!typed.value}
          onClick={() => change(typed.value.slice(0, -1))}
        >
          <Icon name="erase" />
        </button>
      </div>
      <p id="number-refusal" class="refusal" role="alert">
        {refusal.value}
      </p>
      <Keypad label="Keypad" press={(key) => change(typed.value + key)} />
      <button type="submit" data-testid="call" class="button primary" disabled={!canDial.value}>
        <Icon name="call" />
        Call
      </button>
    </form>
  );
}
