import { useEffect, useRef } from 'preact/hooks';
import type { Connection } from '../../sdk/agent';
import { Line } from './icon';
import { agent, connection, isVacant } from './model';

/** The whole page of a tab whose desk went to another tab or device. */
export function Elsewhere() {
  const back = useRef<HTMLButtonElement>(null);
  useEffect(() => back.current?.focus({ preventScroll: true }), []);
  return (
    <main class="sign-in">
      <section class="card elsewhere" role="status" data-testid="banner" data-kind="replaced">
        <Line state="muted" />
        <h2 class="sign-in-title">Your desk is open elsewhere</h2>
        <p class="word">
          {isVacant.value
            ? 'This desk was opened in another tab, and that tab is closed now.'
            : `This desk was opened ${where(connection.value)}. Calls are there now, and this page hears nothing.`}
        </p>
        <button ref={back} type="button" class="button primary" onClick={() => void agent.value?.signIn()}>
          Use this tab
        </button>
      </section>
    </main>
  );
}

function where(connection: Connection): string {
  const isAway = connection.is === 'ended' && connection.because === 'taken-over';
  // `replaced` is also what is said where one of the two pages has no name for its browser.
  return isAway ? 'in another browser or on another device' : 'in another tab or on another device';
}
