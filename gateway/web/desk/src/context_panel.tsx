import { askWho, contexts, type Customer } from './contexts';
import { Icon } from './icon';

/** What is known of the customer of the call in front; there from the click on. */
export function ContextPanel({ number }: { number: string }) {
  const context = contexts.value.get(number);
  if (!context || context.is === 'nowhere') return null;
  return (
    <section class="context card" aria-labelledby="context-heading" data-testid="context" data-is={context.is} aria-busy={context.is === 'asked'}>
      <h2 id="context-heading" class="kicker">
        Customer
      </h2>
      {context.is === 'asked' && (
        <>
          <p class="unseen" role="status">
            Looking the customer up
          </p>
          <div class="skeleton" aria-hidden="true">
            <span />
            <span />
            <span />
          </div>
        </>
      )}
      {context.is === 'unknown' && <p class="context-none">Nobody is known under {number}.</p>}
      {context.is === 'failed' && (
        <div class="context-failed">
          <p role="status">{context.sentence}</p>
          <button type="button" class="button small-button" onClick={() => askWho(number)}>
            Try again
          </button>
        </div>
      )}
      {context.is === 'known' && <Known customer={context.customer} />}
    </section>
  );
}

function Known({ customer }: { customer: Customer }) {
  const { name, summary, fields, links, frame } = customer;
  return (
    <>
      {name && <p class="context-name">{name}</p>}
      {summary && <p class="context-summary">{summary}</p>}
      {fields.length > 0 && (
        <dl class="context-fields">
          {fields.map(({ label, value }) => (
            <div key={label}>
              <dt>{label}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
      {links.length > 0 && (
        <ul class="context-links">
          {links.filter(isSafe).map(({ label, url }) => (
            <li key={url}>
              <a href={url} target="_blank" rel="noopener noreferrer">
                {label}
                <Icon name="out" />
              </a>
            </li>
          ))}
        </ul>
      )}
      {frame && isForeign(frame) && (
        <iframe
          class="context-frame"
          title={`${name ?? 'The customer'} in the customer system`}
          src={frame}
          sandbox="allow-scripts allow-same-origin allow-forms allow-popups"
          referrerpolicy="no-referrer"
          loading="lazy"
        />
      )}
    </>
  );
}

/** The gateway lets no other through; the page doesn't rely on it. */
function isSafe({ url }: { url: string }): boolean {
  return /^(https?|mailto):/i.test(url);
}

/** A page of our own origin could step out of its sandbox. */
function isForeign(url: string): boolean {
  return /^https?:/i.test(url) && new URL(url).origin !== location.origin;
}
