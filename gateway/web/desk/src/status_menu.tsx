import { useSignal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { Refusal } from '../../sdk/agent';
import { Icon } from './icon';
import { agent, connection, readiness, view } from './model';

const STILL_DIALS = 'No calls come; you can still dial';
const BUILT_IN = [
  ['available', 'Available', 'Calls may come'],
  ['break', 'Break', STILL_DIALS],
  ['offline', 'Offline', 'No calls come'],
] as const;

/** What there is to choose from: with the operator's own before the last. */
function statuses(): (readonly [name: string, title: string, meaning: string])[] {
  const own = agent.value?.statuses ?? [];
  return [...BUILT_IN.slice(0, -1), ...own.map(({ name, label }) => [name, label, STILL_DIALS] as const), ...BUILT_IN.slice(-1)];
}

/** How the agent stands, and whether a call would be heard: the light says both, the menu changes the first. */
export function StatusMenu() {
  const menu = useRef<HTMLDivElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const isOpen = useSignal(false);
  const refusal = useSignal<string | undefined>(undefined);
  const verdict = readiness.value;
  const present = view.value?.status.name;

  const close = () => {
    isOpen.value = false;
    opener.current?.focus();
  };
  const choose = (name: string) => {
    close();
    refusal.value = undefined;
    agent.value?.setStatus(name).catch((error: unknown) => {
      refusal.value = error instanceof Refusal ? error.message : String(error);
    });
  };
  // Before the next key press can come.
  useLayoutEffect(() => {
    if (!isOpen.value) return;
    menu.current?.querySelector<HTMLElement>('[aria-checked=true], [role=menuitemradio]')?.focus();
    const outside = (event: PointerEvent) => {
      if (!menu.current?.parentElement?.contains(event.target as Node)) isOpen.value = false;
    };
    addEventListener('pointerdown', outside);
    return () => removeEventListener('pointerdown', outside);
  }, [isOpen.value]);

  const onKeys = (event: KeyboardEvent) => {
    if (event.key === 'Escape' || event.key === 'Tab') return close();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const items = [...(menu.current?.querySelectorAll<HTMLElement>('[role=menuitemradio]') ?? [])];
    const next = items.indexOf(document.activeElement as HTMLElement) + step;
    items[(next + items.length) % items.length]?.focus();
  };

  return (
    <div class="status">
      <p class="light" role="status" data-testid="ready-light" data-ready={String(verdict.ready)}>
        <span class="dot" aria-hidden="true" />
        {verdict.ready ? 'Ready' : <span>Not ready: {lowerFirst(verdict.because)}</span>}
      </p>
      <div class="status-pick">
        <button
          ref={opener}
          type="button"
          class="pick"
          data-testid="status"
          aria-haspopup="menu"
          aria-expanded={isOpen.value}
          aria-label={`Status: ${label(present)}`}
          disabled={connection.value.is !== 'open'}
          onClick={() => (isOpen.value = !isOpen.value)}
        >
          {label(present)}
          <Icon name="down" />
        </button>
        {isOpen.value && (
          <div ref={menu} class="menu" role="menu" aria-label="Status" tabIndex={-1} onKeyDown={onKeys}>
            {statuses().map(([name, title, meaning]) => (
              <button
                key={name}
                type="button"
                role="menuitemradio"
                aria-checked={present === name}
                data-testid={`status-${name}`}
                class="menu-item"
                tabIndex={-1}
                onClick={() => choose(name)}
              >
                <span class="menu-title">{title}</span>
                <span class="menu-meaning">{meaning}</span>
              </button>
            ))}
          </div>
        )}
      </div>
      <p class="refusal" role="alert">
        {refusal.value}
      </p>
    </div>
  );
}

function label(status: string | undefined): string {
  if (!status) return 'Status';
  return statuses().find(([name]) => name === status)?.[1] ?? status;
}

/** The reason follows a colon here; a name or an abbreviation at its start keeps its capital. */
function lowerFirst(sentence: string): string {
  return /^[A-Z][a-z ]/.test(sentence) ? sentence.charAt(0).toLowerCase() + sentence.slice(1) : sentence;
}
