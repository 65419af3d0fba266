import { useEffect, useState } from 'preact/hooks';
import { clock } from './words';

/** How long a call has lasted. Hidden from the live region: a screen reader may ask for it, and isn't told each second. */
export function Timer({ since }: { since: number }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, []);
  return (
    <time role="timer" aria-live="off" data-testid="timer">
      {clock(now - since)}
    </time>
  );
}
