import { agent, connection, faces, readiness, view } from './model';

/** Whose desk this is, and whether a call would be heard. */
export function Header() {
  const verdict = readiness.value;
  const busy = faces.value.some(({ view }) => view.state !== 'closed');
  return (
    <header class="header">
      <h1 class="wordmark">
        <svg viewBox="0 0 34 16" aria-hidden="true" focusable="false">
          <path d="M8 8h16" />
          <circle cx="7" cy="8" r="5" class="near" />
          <circle cx="27" cy="8" r="4" class="far" />
        </svg>
        Warmline
      </h1>
      <div class="who">
        <p class="who-name">
          {view.value?.name}
          {connection.value.is !== 'off' && !busy && (
            <button type="button" class="link" onClick={() => agent.value?.signOut()}>
              Sign out
            </button>
          )}
        </p>
        <p class="light" role="status" data-testid="ready-light" data-ready={String(verdict.ready)}>
          <span class="dot" aria-hidden="true" />
          {verdict.ready ? 'Ready' : <span>Not ready: {lowerFirst(verdict.because)}</span>}
        </p>
      </div>
    </header>
  );
}

/** The reason follows a colon here; a name or an abbreviation at its start keeps its capital. */
function lowerFirst(sentence: string): string {
  return /^[A-Z][a-z ]/.test(sentence) ? sentence.charAt(0).toLowerCase() + sentence.slice(1) : sentence;
}
