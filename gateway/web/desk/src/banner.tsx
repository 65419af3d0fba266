import type { ComponentChildren } from 'preact';
import { agent, connection, locked, media, notice, stage, switched } from './model';

/** One strip under the header for what the agent must know now; the gravest first. */
export function Banner() {
  const state = connection.value;
  const calls = stage.value.some(({ view }) => view.state === 'connected' || view.state === 'held');
  if (state.is === 'waiting' || (state.is === 'connecting' && state.attempt > 0)) {
    return (
      <Strip kind="reconnecting">
        <span class="spinner" aria-hidden="true" />
        <span>Reconnecting to the gateway…{calls && ' Your call goes on.'}</span>
      </Strip>
    );
  }
  if (calls && (media.value.is === 'restarting' || media.value.is === 'connecting' || media.value.is === 'down')) {
    return (
      <Strip kind="audio">
        <span class="spinner" aria-hidden="true" />
        <span>Restoring audio… The customer stays on the line.</span>
      </Strip>
    );
  }
  if (locked.value) {
    return (
      <Strip kind="locked">
        <span>The browser holds the sound back.</span>
        <button type="button" class="strip-button" onClick={() => agent.value?.audio.unlock()}>
          Turn sound on
        </button>
      </Strip>
    );
  }
  if (notice.value?.kind === 'draining') {
    return (
      <Strip kind="draining">
        <span>{notice.value.detail ?? 'The gateway is about to restart. This call goes on; new calls have to wait.'}</span>
      </Strip>
    );
  }
  if (switched.value) {
    return (
      <Strip kind="switched">
        <span>{switched.value}</span>
        <button type="button" class="strip-button" onClick={() => (switched.value = undefined)}>
          Got it
        </button>
      </Strip>
    );
  }
  // The platform's words to the agent, what became of digits, a customer who isn't heard: told, and gone when they are read.
  const told = notice.value;
  if ((told?.kind === 'platform' || told?.kind === 'digits' || told?.kind === 'no-audio' || told?.kind === 'missed') && told.detail) {
    return (
      <Strip kind={told.kind}>
        <span>{told.detail}</span>
        <button type="button" class="strip-button" onClick={() => (notice.value = undefined)}>
          Got it
        </button>
      </Strip>
    );
  }
  return null;
}

function Strip({ kind, children }: { kind: string; children: ComponentChildren }) {
  return (
    <div class="strip" role="status" data-testid="banner" data-kind={kind}>
      {children}
    </div>
  );
}
