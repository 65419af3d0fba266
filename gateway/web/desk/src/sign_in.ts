/** Where the agent's token is, from the link to the tab's storage. */

const TOKEN = 'warmline.token';
const SESSION = 'warmline.session';

/**
 * Takes the token of the address (`/desk#token=…`), or the tab's from before a reload. The fragment never reaches a
 * server, and it is wiped at once, so that it stays out of the history and of screenshots.
 */
export function takeToken(): string | undefined {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token) {
    keepToken(token);
    history.replaceState(null, '', location.pathname + location.search);
  }
  return sessionStorage.getItem(TOKEN) ?? undefined;
}

/** The token that this tab is signed in with. */
export function keptToken(): string {
  return sessionStorage.getItem(TOKEN) ?? '';
}

export function keepToken(token: string): void {
  // Another token may be another agent's: a session isn't handed from one to the other.
  if (sessionStorage.getItem(TOKEN) !== token) sessionStorage.removeItem(SESSION);
  sessionStorage.setItem(TOKEN, token);
}

export function forgetToken(): void {
  sessionStorage.removeItem(TOKEN);
}

/** Whether the browser's own noise reduction is wanted; headsets with their own, and tests with tones, do without. */
export function microphone(): MediaTrackConstraints {
  const processing = localStorage.getItem('warmline.processing') !== 'off';
  return { echoCancellation: processing, noiseSuppression: processing, autoGainControl: processing };
}
