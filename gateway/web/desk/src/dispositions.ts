/** What the agent may say came of a call: the operator's list, or that of the agent's platform. */

import { signal } from '@preact/signals';
import { ask } from './api';

/** As they are to be sent; empty while there is nothing to choose from. */
export const dispositions = signal<readonly string[]>([]);

let asking: Promise<unknown> | undefined;

/** Asks for the list, until there is one. Without it the agent says no more than that the call is done. */
export async function askForDispositions(agent: string): Promise<void> {
  if (dispositions.value.length > 0) return;
  const where = `/v1/agents/${encodeURIComponent(agent)}/dispositions`;
  const offered = ask<{ dispositions: { name: string }[] }>(where).then(
    ({ dispositions: list }) => (dispositions.value = list.map(({ name }) => name)),
    () => undefined,
  );
  asking ??= offered.finally(() => (asking = undefined));
  await asking;
}

export function forgetDispositions(): void {
  dispositions.value = [];
}
