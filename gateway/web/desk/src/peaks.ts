/** A recording as a picture: how loud each channel was in each of `count` stretches, 0 to 1. Pure. */
export function peaks(channel: Float32Array, count: number): number[] {
  const stretch = channel.length / count;
  return Array.from({ length: count }, (_, n) => {
    let loudest = 0;
    const end = Math.max(Math.floor((n + 1) * stretch), Math.floor(n * stretch) + 1);
    for (let at = Math.floor(n * stretch); at < end; at++) loudest = Math.max(loudest, Math.abs(channel[at] ?? 0));
    return loudest;
  });
}

/** Bars around a middle line, as an SVG path in a box of `count` by 2; silence keeps a hair's breadth. */
export function bars(loudness: readonly number[]): string {
  const loudest = Math.max(...loudness, 0.05);
  return loudness.map((peak, n) => {
    const half = Math.max(peak / loudest, 0.03) * 0.95;
    return `M${n + 0.5} ${(1 - half).toFixed(3)}V${(1 + half).toFixed(3)}`;
  }).join('');
}
