import { useEffect, useRef } from 'preact/hooks';
import { LevelMeter } from './level';
import { agent, media, microphone } from './model';

/** Who can be heard right now: the agent's voice and the customer's. For the eye only; the banner tells what is wrong. */
export function Meters({ muted }: { muted: boolean }) {
  const audio = agent.value?.audio;
  // A new leg or another microphone is another stream.
  const [leg, mic] = [media.value.is, microphone.value.is];
  const own = audio?.track && mic === 'on' ? audio.track : undefined;
  const theirs = leg === 'up' ? audio?.remoteStream : undefined;
  return (
    <div class="meters" aria-hidden="true" data-testid="meters">
      <Meter who={muted ? 'You (muted)' : 'You'} stream={own} key={`you ${own?.id}`} />
      <Meter who="Customer" stream={theirs} key={`customer ${theirs?.id}`} />
    </div>
  );
}

function Meter({ who, stream }: { who: string; stream?: MediaStream | MediaStreamTrack }) {
  const bar = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    if (!stream) return;
    const whole = stream instanceof MediaStream ? stream : new MediaStream([stream]);
    const meter = new LevelMeter(whole, (level) => bar.current?.style.setProperty('--level', level.toFixed(2)));
    return () => meter.close();
  }, [stream]);
  return (
    <div class="meter">
      <span class="meter-who">{who}</span>
      <span class="meter-way">
        <span ref={bar} class="meter-bar" />
      </span>
    </div>
  );
}
