import { useSignal } from '@preact/signals';
import { Icon } from './icon';
import { nameOf } from './contexts';
import { canDial, dial } from './model';
import { outcome, when } from './outcome';
import { Recordings } from './recordings';
import { records, type CallRecord } from './records';

/** The agent's calls that are over, newest first; each can be called again, and opened for more. */
export function RecentCalls() {
  return (
    <section class="recent" aria-labelledby="recent-heading" data-testid="recent">
      <h2 id="recent-heading" class="kicker">
        Recent calls
      </h2>
      {records.value.length === 0 && <p class="recent-none">Your calls appear here once they are over.</p>}
      <ul>
        {records.value.map((call) => (
          <Recent key={call.id} call={call} />
        ))}
      </ul>
    </section>
  );
}

function Recent({ call }: { call: CallRecord }) {
  const isOpen = useSignal(false);
  const { number } = call.peer;
  const who = call.peer.name ?? nameOf(number) ?? number;
  return (
    <li data-call={call.id}>
      <div class="recent-row">
        <button type="button" class="recent-who" aria-expanded={isOpen.value} onClick={() => (isOpen.value = !isOpen.value)}>
          <Icon name={call.direction === 'inbound' ? 'in' : 'out'} />
          <span class="recent-words">
            <span class="recent-peer">{who}</span>
            <span class="recent-how">
              {outcome(call)} · {when(call.started_at, Date.now())}
            </span>
          </span>
        </button>
        <button type="button" class="quiet" aria-label={`Call ${who} again`} disabled={!canDial.value} onClick={() => dial(number)}>
          <Icon name="call" />
        </button>
      </div>
      {isOpen.value && <Details call={call} />}
    </li>
  );
}

function Details({ call }: { call: CallRecord }) {
  const { disposition, ended, peer } = call;
  return (
    <div class="recent-details">
      <dl class="context-fields">
        <Fact label="Number" value={peer.number} />
        <Fact label="How it ended" value={ended?.detail} />
        <Fact label="Outcome" value={disposition?.code} />
        <Fact label="Notes" value={disposition?.notes} />
        <Fact label="Call back" value={disposition?.callback_at && new Date(disposition.callback_at).toLocaleString()} />
      </dl>
      {call.answered_at !== undefined && <Recordings call={call.id} />}
    </div>
  );
}

function Fact({ label, value }: { label: string; value?: string | number }) {
  if (!value) return null;
  return (
    <div>
      <dt>{label}</dt>
      <dd>{value}</dd>
    </div>
  );
}
