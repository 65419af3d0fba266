import { render } from 'preact';
import { Desk } from './desk';
import { agent, signIn } from './model';
import { listenForShortcuts } from './shortcuts';
import { takeToken } from './sign_in';

const token = takeToken();
if (token) signIn(token);
listenForShortcuts();
render(<Desk />, document.getElementById('desk')!);

// A call is the gateway's, not the tab's: leaving closes the socket and the leg, and hangs nothing up.
addEventListener('pagehide', () => agent.value?.leave());
addEventListener('pageshow', ({ persisted }) => {
  if (persisted) void agent.value?.signIn();
});
// A sign-in link followed in a tab that already shows the desk only changes the fragment.
addEventListener('hashchange', () => location.hash.includes('token=') && location.reload());
