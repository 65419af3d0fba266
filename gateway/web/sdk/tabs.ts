/** The desk is worked in one tab: the newest. The others wait until it is gone. */

/**
 * Holds the place of an agent's desk in this browser, taking it from the tab that has it. `vacant` is called when it was
 * taken from us and has become free again. Returns what gives the place back.
 */
export function holdPlace(name: string, vacant: () => void): () => void {
  // Old browsers, and pages without https, have no locks: the gateway's own word is enough.
  const locks = navigator.locks;
  if (!locks) return () => undefined;
  let release: () => void = () => undefined;
  const waiting = new AbortController();
  const held = new Promise<void>((resolve) => (release = resolve));
  locks
    .request(name, { steal: true }, () => held)
    .catch(() => locks.request(name, { signal: waiting.signal }, vacant))
    // Given up before it was ours.
    .catch(() => undefined);
  return () => {
    release();
    waiting.abort();
  };
}
