import { useEffect, useRef } from 'preact/hooks';
import { Icon } from './icon';
import { SHORTCUTS } from './shortcuts';

/** The keyboard's share of the desk, in a dialog that Escape closes. */
export function Help() {
  const dialog = useRef<HTMLDialogElement>(null);
  return (
    <>
      <button type="button" class="quiet" aria-label="Keyboard shortcuts" aria-keyshortcuts="Alt+/" data-testid="help" onClick={() => dialog.current?.showModal()}>
        <Icon name="keyboard" />
      </button>
      <dialog ref={dialog} class="dialog" aria-labelledby="help-heading" data-testid="help-dialog">
        <Content />
      </dialog>
    </>
  );
}

function Content() {
  const close = useRef<HTMLButtonElement>(null);
  // A click beside the dialog lands on the dialog element itself.
  useEffect(() => {
    const dialog = close.current?.closest('dialog');
    const outside = (event: MouseEvent) => event.target === dialog && dialog?.close();
    dialog?.addEventListener('click', outside);
    return () => dialog?.removeEventListener('click', outside);
  }, []);
  return (
    <form method="dialog" class="dialog-body">
      <h2 id="help-heading" class="dialog-title">
        Keyboard shortcuts
      </h2>
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
      <button ref={close} type="submit" class="button primary">
        Close
      </button>
    </form>
  );
}
