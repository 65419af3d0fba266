import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Icon, type IconName } from './icon';

interface DialogProps {
  /** Names the button and heads the dialog. */
  title: string;
  icon: IconName;
  testid: string;
  shortcut?: string;
  opened?: () => void;
  children: ComponentChildren;
}

/** A button of the header and what it opens; Escape and a click beside it close it. */
export function Dialog({ title, icon, testid, shortcut, opened, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  // A click beside the dialog lands on the dialog element itself.
  useEffect(() => {
    const { current } = dialog;
    const outside = (event: MouseEvent) => event.target === current && current?.close();
    current?.addEventListener('click', outside);
    return () => current?.removeEventListener('click', outside);
  }, []);
  const open = () => {
    opened?.();
    dialog.current?.showModal();
  };
  return (
    <>
      <button type="button" class="quiet" aria-label={title} aria-keyshortcuts={shortcut} data-testid={testid} onClick={open}>
        <Icon name={icon} />
      </button>
      <dialog ref={dialog} class="dialog" aria-labelledby={`${testid}-heading`} data-testid={`${testid}-dialog`}>
        <form method="dialog" class="dialog-body">
          <h2 id={`${testid}-heading`} class="dialog-title">
            {title}
          </h2>
          {children}
          <button type="submit" class="button primary">
            Close
          </button>
        </form>
      </dialog>
    </>
  );
}
