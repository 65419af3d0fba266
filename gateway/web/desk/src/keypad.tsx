const KEYS = [
  ['1', ''], ['2', 'ABC'], ['3', 'DEF'],
  ['4', 'GHI'], ['5', 'JKL'], ['6', 'MNO'],
  ['7', 'PQRS'], ['8', 'TUV'], ['9', 'WXYZ'],
  ['*', ''], ['0', ''], ['#', ''],
] as const;

const SPOKEN: Record<string, string> = { '*': 'star', '#': 'hash' };

/** Twelve keys. What a press means is the parent's affair: a character in a field, or a tone. */
export function Keypad({ label, press }: { label: string; press: (key: string) => void }) {
  return (
    <div class="keypad" role="group" aria-label={label}>
      {KEYS.map(([key, letters]) => (
        <button key={key} type="button" class="key" aria-label={SPOKEN[key]} onClick={() => press(key)}>
          <span class="key-digit">{key}</span>
          <span class="key-letters" aria-hidden="true">{letters}</span>
        </button>
      ))}
    </div>
  );
}
