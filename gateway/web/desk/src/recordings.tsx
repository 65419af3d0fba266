import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { ask } from './api';
import { Player } from './player';

/** What the page needs to know of a recording. */
interface Listed {
  id: string;
}

type Found = { are: 'asked' } | { are: 'listed'; recordings: readonly Listed[] } | { are: 'missing'; sentence: string };

/** A call's recordings, each with its player; asked for when the call is opened. */
export function Recordings({ call }: { call: string }) {
  const found = useSignal<Found>({ are: 'asked' });
  useEffect(() => {
    ask<{ recordings: Listed[] }>(`/v1/recordings?call=${encodeURIComponent(call)}`).then(
      ({ recordings }) => (found.value = { are: 'listed', recordings }),
      (error: Error) => (found.value = { are: 'missing', sentence: error.message }),
    );
  }, [call]);
  const { value } = found;
  if (value.are === 'asked') return <p class="small">Looking for a recording…</p>;
  if (value.are === 'missing') return <p class="small">{value.sentence}</p>;
  if (value.recordings.length === 0) return <p class="small">This call was not recorded.</p>;
  return (
    <>
      {value.recordings.map(({ id }) => (
        <Player key={id} recording={id} />
      ))}
    </>
  );
}
