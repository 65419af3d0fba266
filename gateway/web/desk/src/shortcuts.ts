/**
 * Keys for what an agent does all day. Each button names its own in `aria-keyshortcuts`; a shortcut does what a click
 * on the button would, so one that isn't there, or isn't enabled, has none.
 */

export const SHORTCUTS = [
  ['Alt+N', 'Go to the number'],
  ['Alt+A', 'Answer'],
  ['Alt+X', 'Decline, end or hang up'],
  ['Alt+M', 'Mute, and speak again'],
  ['Alt+H', 'Hold, and resume'],
  ['Alt+K', 'Keypad'],
  ['Alt+T', 'Transfer'],
  ['Alt+P', 'Pause the recording, and go on'],
  ['Alt+S', 'Save the outcome and be ready'],
  ['Alt+/', 'This list'],
] as const;

export type Shortcut = (typeof SHORTCUTS)[number][0];

/** The shortcut that a key press means, by the key's place: with Alt held, some layouts type other characters. */
export function shortcutOf({ altKey, ctrlKey, metaKey, shiftKey, code }: Pick<KeyboardEvent, 'altKey' | 'ctrlKey' | 'metaKey' | 'shiftKey' | 'code'>): Shortcut | undefined {
  if (!altKey || ctrlKey || metaKey || shiftKey) return undefined;
  const key = code === 'Slash' ? '/' : /^Key([A-Z])$/.exec(code)?.[1];
  return SHORTCUTS.find(([shortcut]) => shortcut === `Alt+${key}`)?.[0];
}

/** Listens as long as the page lives. */
export function listenForShortcuts(): void {
  addEventListener('keydown', (event) => {
    const shortcut = shortcutOf(event);
    if (!shortcut || event.repeat) return;
    const target = document.querySelector<HTMLElement>(`[aria-keyshortcuts="${shortcut}"]:not(:disabled)`);
    if (!target || target.closest('[inert]')) return;
    event.preventDefault();
    if (target instanceof HTMLInputElement) target.focus();
    else target.click();
  });
}
