import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { askForDispositions, dispositions } from './dispositions';
import { changeDraft, draftOf, isBegun } from './drafts';
import { Icon } from './icon';
import { canDial, dial, done, save } from './model';
import type { CallFace } from './stage';
import { Countdown } from './timer';
import { duration, endedDetail } from './words';

type Act = (effect: () => Promise<unknown>) => () => void;

/** A call that is over: why, and what the agent has to say of it. */
export function Over({ face, act }: { face: CallFace; act: Act }) {
  const { view } = face;
  const talked = view.answered_at !== undefined && view.ended_at !== undefined;
  const asks = view.state === 'wrap-up' || (talked && isBegun(draftOf(view.id)));
  return (
    <>
      <p class="word" data-testid="ended-detail">
        {endedDetail(view)}
      </p>
      {talked && <p class="talked">{duration(view.ended_at! - view.answered_at!)}</p>}
      {asks ? <Disposition face={face} act={act} /> : <Farewell face={face} act={act} />}
    </>
  );
}

function Farewell({ face, act }: { face: CallFace; act: Act }) {
  const { view } = face;
  const failed = !view.answered_at;
  return (
    <div class={failed ? 'pair' : 'single'}>
      {failed && (
        <button
          type="button"
          class="button"
          data-testid="call-again"
          disabled={!canDial.value}
          onClick={act(async () => {
            done(face);
            dial(view.peer.number);
          })}
        >
          <Icon name="call" />
          {view.direction === 'inbound' ? 'Call back' : 'Call again'}
        </button>
      )}
      <button type="button" class="button primary" data-testid="done" aria-keyshortcuts="Alt+S" onClick={act(async () => done(face))}>
        Done
      </button>
    </div>
  );
}

/** The form of the wrap-up. What is typed outlives the wrap-up's end: it can still be saved then. */
function Disposition({ face, act }: { face: CallFace; act: Act }) {
  const { view } = face;
  const draft = draftOf(view.id);
  const isSaving = useSignal(false);
  const { agent } = view;
  useEffect(() => {
    if (agent) void askForDispositions(agent);
  }, [agent]);

  const saveAs = (then: 'ready' | 'pause') =>
    act(async () => {
      isSaving.value = true;
      try {
        await save(face, draft, then);
      } finally {
        isSaving.value = false;
      }
    });
  return (
    <form
      class="wrap-up"
      data-testid="wrap-up"
      onSubmit={(event) => {
        event.preventDefault();
        saveAs('ready')();
      }}
    >
      {dispositions.value.length > 0 && (
        <label class="labelled">
          <span class="kicker">Outcome</span>
          <select class="field" data-testid="disposition" value={draft.code ?? ''} onChange={(event) => changeDraft(view.id, { code: event.currentTarget.value || undefined })}>
            <option value="">Done</option>
            {dispositions.value.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
      )}
      <label class="labelled">
        <span class="kicker">Notes</span>
        <textarea class="field" rows={3} data-testid="notes" maxLength={2_000} value={draft.notes} onInput={(event) => changeDraft(view.id, { notes: event.currentTarget.value })} />
      </label>
      <label class="labelled">
        <span class="kicker">Call back at</span>
        <input class="field" type="datetime-local" data-testid="callback" value={draft.callback} onInput={(event) => changeDraft(view.id, { callback: event.currentTarget.value })} />
      </label>
      {view.state === 'wrap-up' ? (
        view.closes_at !== undefined && <Countdown until={view.closes_at}>Wrap-up ends in</Countdown>
      ) : (
        <p class="countdown">The wrap-up is over. What you have written can still be saved.</p>
      )}
      <div class="pair">
        <button type="button" class="button" data-testid="save" disabled={isSaving.value} title="Takes a break: no calls come until you are available again" onClick={saveAs('pause')}>
          Save
        </button>
        <button type="submit" class="button primary" data-testid="done" aria-keyshortcuts="Alt+S" disabled={isSaving.value}>
          Save and ready
        </button>
      </div>
      <p class="small">“Save” alone puts you on a break.</p>
    </form>
  );
}
