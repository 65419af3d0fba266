import { useEffect, useState } from 'preact/hooks';
import { gatewayClock } from './clock';
import { clock } from './words';

/** How long a call has lasted. A screen reader may ask for it, and isn't told each second. */
export function Timer({ since }: { since: number }) {
  return (
    <time role="timer" aria-live="off" data-testid="timer">
      {clock(useNow() - since)}
    </time>
  );
}

/** How long something will still last; nothing once it is over. */
export function Countdown({ until, children }: { until: number; children: string }) {
  const left = until - useNow();
  if (left <= 0) return null;
  return (
    <p class="countdown" role="timer" aria-live="off" data-testid="countdown">
      {children} <time>{clock(left)}</time>
    </p>
  );
}

function useNow(): number {
  const [now, setNow] = useState(() => gatewayClock.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(gatewayClock.now()), 250);
    return () => clearInterval(timer);
  }, []);
  return now;
}
