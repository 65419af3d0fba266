/** A WAV of two channels in 16 bits: customer and agent take turns of a tone each. */
export function speech({ seconds, rate = 8_000 }) {
  const frames = seconds * rate;
  const wav = Buffer.alloc(44 + frames * 4);
  wav.write('RIFF', 0);
  wav.writeUInt32LE(36 + frames * 4, 4);
  wav.write('WAVEfmt ', 8);
  wav.writeUInt32LE(16, 16);
  wav.writeUInt16LE(1, 20);
  wav.writeUInt16LE(2, 22);
  wav.writeUInt32LE(rate, 24);
  wav.writeUInt32LE(rate * 4, 28);
  wav.writeUInt16LE(4, 32);
  wav.writeUInt16LE(16, 34);
  wav.write('data', 36);
  wav.writeUInt32LE(frames * 4, 40);
  for (let n = 0; n < frames; n++) {
    const time = n / rate;
    const customer = Math.floor(time) % 2 === 0;
    const swell = Math.abs(Math.sin(time * 9)) * 12_000;
    wav.writeInt16LE(customer ? swell * Math.sin(2 * Math.PI * 440 * time) : 0, 44 + n * 4);
    wav.writeInt16LE(customer ? 0 : swell * Math.sin(2 * Math.PI * 300 * time), 46 + n * 4);
  }
  return wav;
}
