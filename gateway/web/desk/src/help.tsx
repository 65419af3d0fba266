import { Dialog } from './dialog';
import { SHORTCUTS } from './shortcuts';

/** The keyboard's share of the desk. */
export function Help() {
  return (
    <Dialog title="Keyboard shortcuts" icon="keyboard" testid="help" shortcut="Alt+/">
      <dl class="shortcuts">
        {SHORTCUTS.map(([shortcut, does]) => (
          <div key={shortcut}>
            <dt>
              {shortcut.split('+').map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
