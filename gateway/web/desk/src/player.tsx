import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { request } from './api';
import { Icon } from './icon';
import { bars, peaks } from './peaks';
import { clock } from './words';

type Sound =
  | { is: 'loading' }
  | { is: 'ready'; address: string; lanes: readonly { who: string; path: string }[] }
  | { is: 'unplayable'; sentence: string };

/** Plays a recording, customer and agent in a lane of their own. The token goes in a header, so the audio is fetched whole. */
export function Player({ recording }: { recording: string }) {
  const sound = useSignal<Sound>({ is: 'loading' });
  useEffect(() => {
    const fetching = new AbortController();
    let address: string | undefined;
    void load(recording, fetching.signal).then((loaded) => {
      if (loaded.is === 'ready') address = loaded.address;
      if (fetching.signal.aborted) return address && URL.revokeObjectURL(address);
      sound.value = loaded;
    });
    return () => {
      fetching.abort();
      if (address) URL.revokeObjectURL(address);
    };
  }, [recording]);
  const { value } = sound;
  if (value.is === 'loading') return <p class="small">Fetching the recording…</p>;
  if (value.is === 'unplayable') return <p class="small" data-testid="unplayable">{value.sentence}</p>;
  return <Deck {...value} />;
}

function Deck({ address, lanes }: Sound & { is: 'ready' }) {
  const audio = useRef<HTMLAudioElement>(null);
  const at = useSignal(0);
  const length = useSignal(0);
  const isPlaying = useSignal(false);
  const speed = useSignal(1);

  const seek = (seconds: number) => {
    if (audio.current) audio.current.currentTime = at.value = Math.min(Math.max(seconds, 0), length.value);
  };
  const seekByKey = (event: KeyboardEvent) => {
    const to = {
      ArrowLeft: at.value - 5, ArrowRight: at.value + 5, ArrowDown: at.value - 5, ArrowUp: at.value + 5,
      PageDown: at.value - 30, PageUp: at.value + 30, Home: 0, End: length.value,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    seek(to);
  };
  const seekByPointer = (event: PointerEvent) => {
    const { left, width } = (event.currentTarget as HTMLElement).getBoundingClientRect();
    seek(((event.clientX - left) / width) * length.value);
  };
  const faster = () => {
    speed.value = SPEEDS[(SPEEDS.indexOf(speed.value) + 1) % SPEEDS.length]!;
    if (audio.current) audio.current.playbackRate = speed.value;
  };

  const played = length.value ? at.value / length.value : 0;
  return (
    <div class="player" data-testid="player">
      <audio
        ref={audio}
        src={address}
        preload="metadata"
        onLoadedMetadata={(event) => (length.value = finite(event.currentTarget.duration))}
        onDurationChange={(event) => (length.value = finite(event.currentTarget.duration))}
        onTimeUpdate={(event) => (at.value = event.currentTarget.currentTime)}
        onPlay={() => (isPlaying.value = true)}
        onPause={() => (isPlaying.value = false)}
      />
      <div
        class="waves"
        role="slider"
        tabIndex={0}
        aria-label="Position in the recording"
        aria-valuemin={0}
        aria-valuemax={Math.round(length.value)}
        aria-valuenow={Math.round(at.value)}
        aria-valuetext={`${clock(at.value * 1_000)} of ${clock(length.value * 1_000)}`}
        onKeyDown={seekByKey}
        onPointerDown={seekByPointer}
      >
        {lanes.map(({ who, path }) => (
          <div class="lane" key={who}>
            <span class="lane-who" aria-hidden="true">{who}</span>
            <svg viewBox={`0 0 ${BARS} 2`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
              <path d={path} />
              <path d={path} class="played" style={{ clipPath: `inset(0 ${100 - played * 100}% 0 0)` }} />
            </svg>
          </div>
        ))}
        {lanes.length === 0 && <span class="bar" style={{ inlineSize: `${played * 100}%` }} />}
      </div>
      <div class="player-row">
        <button type="button" class="quiet" aria-label={isPlaying.value ? 'Pause' : 'Play'} onClick={() => void (isPlaying.value ? audio.current?.pause() : audio.current?.play())}>
          <Icon name={isPlaying.value ? 'hold' : 'resume'} />
        </button>
        <span class="player-time">
          {clock(at.value * 1_000)} / {clock(length.value * 1_000)}
        </span>
        <button type="button" class="pick" aria-label={`Speed: ${speed.value} times`} onClick={faster}>
          {speed.value}×
        </button>
      </div>
    </div>
  );
}

async function load(recording: string, signal: AbortSignal): Promise<Sound> {
  try {
    const response = await request(`/v1/recordings/${encodeURIComponent(recording)}/audio`, { signal });
    const type = response.headers.get('content-type') ?? '';
    if (!type.startsWith('audio/')) {
      return { is: 'unplayable', sentence: 'This recording is encrypted. Whoever holds its key can open it.' };
    }
    const sound = await response.blob();
    const lanes = sound.size > (type.startsWith('audio/wav') ? WAV_AT_MOST : CODED_AT_MOST) ? [] : await draw(await sound.arrayBuffer());
    return { is: 'ready', address: URL.createObjectURL(sound), lanes };
  } catch (error) {
    return { is: 'unplayable', sentence: error instanceof Error ? error.message : String(error) };
  }
}

/** The lanes' pictures; none where the browser can play a sound and not decode it. */
async function draw(bytes: ArrayBuffer): Promise<{ who: string; path: string }[]> {
  // Decoding resamples to the context's rate: a telephone's is enough for a picture.
  const decoded = await new OfflineAudioContext(1, 1, 8_000).decodeAudioData(bytes).catch(() => undefined);
  if (!decoded) return [];
  const channels = Array.from({ length: decoded.numberOfChannels }, (_, n) => decoded.getChannelData(n));
  const names = channels.length === 2 ? ['Customer', 'Agent'] : [];
  return channels.map((channel, n) => ({ who: names[n] ?? 'Call', path: bars(peaks(channel, BARS)) }));
}

/** A stream of unknown length says Infinity. */
function finite(seconds: number): number {
  return Number.isFinite(seconds) ? seconds : 0;
}

const SPEEDS = [1, 1.25, 1.5, 2];
const BARS = 180;

/** Half an hour in 16 bits; decoded, it takes twice that. */
const WAV_AT_MOST = 64 * 1024 * 1024;

/** Half an hour of Opus, which decodes to much more. */
const CODED_AT_MOST = 12 * 1024 * 1024;
