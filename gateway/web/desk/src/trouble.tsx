import { agent, media, microphone } from './model';

/** What the agent can mend: the microphone, or an audio connection that was refused. */
export function Trouble() {
  const mic = microphone.value;
  const leg = media.value;
  if (mic.is === 'asking') {
    return (
      <aside class="trouble">
        <h2>Allow the microphone</h2>
        <p>The browser is asking. Customers can’t hear you before you allow it.</p>
      </aside>
    );
  }
  if (mic.is !== 'refused' && leg.is !== 'down') return null;
  return (
    <aside class="trouble" data-testid="trouble">
      <h2>{mic.is === 'refused' ? 'No microphone' : 'No audio'}</h2>
      <p>{mic.is === 'refused' ? mic.detail : leg.is === 'down' && leg.detail}</p>
      <button type="button" class="button" data-testid="try-again" onClick={() => void agent.value?.retryAudio()}>
        Try again
      </button>
    </aside>
  );
}
