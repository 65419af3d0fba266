/** What the agent may say came of a call: the list of the agent's platform, where there is one. */

import { signal } from '@preact/signals';

/** As the platform writes them; empty while there is nothing to choose from. */
export const dispositions = signal<readonly string[]>([]);

/** Asks for the list, until there is one. Without it the agent says no more than that the call is done. */
export async function askForDispositions(agent: string, token: string): Promise<void> {
  if (dispositions.value.length > 0) return;
  const where = `/v1/agents/${encodeURIComponent(agent)}/dispositions`;
  const response = await fetch(where, { headers: { authorization: `Bearer ${token}` } }).catch(() => undefined);
  if (!response?.ok) return;
  const offered = (await response.json()) as { dispositions: { name: string }[] };
  dispositions.value = offered.dispositions.map(({ name }) => name);
}
