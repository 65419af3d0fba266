import { useSignal } from '@preact/signals';
import { Line } from './icon';
import { sentence, signIn } from './model';

/** For a page that was opened without a token in its link. */
export function SignInForm() {
  const token = useSignal('');
  const submit = (event: Event) => {
    event.preventDefault();
    const given = token.value.trim();
    if (given) signIn(given);
    else sentence.value = 'Paste your token first.';
  };
  return (
    <main class="sign-in">
      <form class="card" onSubmit={submit} noValidate>
        <Line state="up" />
        <h1 class="sign-in-title">Warmline</h1>
        <p class="word">Sign in with the token you were given, or open the link that came with it.</p>
        <label class="kicker" for="token">
          Token
        </label>
        <input
          id="token"
          data-testid="token"
          class="token-field"
          type="password"
          autocomplete="off"
          spellcheck={false}
          value={token.value}
          aria-describedby="sign-in-sentence"
          onInput={(event) => (token.value = event.currentTarget.value)}
        />
        <p id="sign-in-sentence" class="refusal" role="alert">
          {sentence.value}
        </p>
        <button type="submit" data-testid="sign-in" class="button primary">
          Sign in
        </button>
        <p class="small">The browser will ask for your microphone.</p>
      </form>
    </main>
  );
}
