import { Icon } from './icon';
import { canDial, dial } from './model';
import { recent, type RecentCall } from './recent';
import { duration } from './words';

/** The calls of this tab that are over, newest first; each can be called again. */
export function RecentCalls() {
  return (
    <section class="recent" aria-labelledby="recent-heading">
      <h2 id="recent-heading" class="kicker">
        Recent
      </h2>
      {recent.value.length === 0 && <p class="recent-none">Calls of this session appear here.</p>}
      <ul>
        {recent.value.map((call) => (
          <li key={call.id}>
            <Icon name={call.direction === 'inbound' ? 'in' : 'out'} />
            <div class="recent-who">
              <span class="recent-peer">{call.name ?? call.number}</span>
              <span class="recent-how">
                {outcome(call)} · {timeOfDay(call.startedAt)}
              </span>
            </div>
            <button type="button" class="quiet" aria-label={`Call ${call.name ?? call.number}`} disabled={!canDial.value} onClick={() => dial(call.number)}>
              <Icon name="call" />
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function outcome({ direction, talked }: RecentCall): string {
  const way = direction === 'inbound' ? 'Incoming' : 'Outgoing';
  if (talked !== undefined) return `${way}, ${duration(talked)}`;
  return direction === 'inbound' ? 'Missed' : 'Not connected';
}

function timeOfDay(ms: number): string {
  return new Date(ms).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
}
