/** A call's id: `c_` and a UUIDv7 (RFC 9562, section 5.7), so that ids sort by the time they were made. */
export function callId(now: number, random: Uint8Array): string {
  const bytes = random.slice(0, 16);
  // 48 bits of milliseconds, big-endian. A bit shift would cut at 32 bits.
  for (let i = 5, rest = now; i >= 0; i--, rest = Math.floor(rest / 256)) bytes[i] = rest % 256;
  bytes[6] = 0x70 | (bytes[6]! & 0x0f);
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `c_${hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')}`;
}
