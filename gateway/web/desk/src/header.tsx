import { DeviceMenu } from './device_menu';
import { Help } from './help';
import { agent, connection, faces, view } from './model';
import { StatusMenu } from './status_menu';

/** Whose desk this is, how they stand, and whether a call would be heard. */
export function Header() {
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
      <div class="header-end">
        <StatusMenu />
        <div class="who">
          <p class="who-name">{view.value?.name}</p>
          {connection.value.is !== 'off' && !busy && (
            <button type="button" class="link" onClick={() => agent.value?.signOut()}>
              Sign out
            </button>
          )}
        </div>
        <div class="header-tools">
          <DeviceMenu />
          <Help />
        </div>
      </div>
    </header>
  );
}
