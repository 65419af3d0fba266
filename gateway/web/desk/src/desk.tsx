import { useEffect } from 'preact/hooks';
import { Banner } from './banner';
import { CallCard } from './call_card';
import { ContextPanel } from './context_panel';
import { Dialler } from './dialler';
import { Elsewhere } from './elsewhere';
import { Header } from './header';
import { agent, isElsewhere, stage } from './model';
import { RecentCalls } from './recent_calls';
import { SignInForm } from './sign_in_form';
import { Trouble } from './trouble';
import { customerOf } from './stage';
import { announcement } from './words';

/** The whole page. */
export function Desk() {
  if (!agent.value) return <SignInForm />;
  const front = stage.value[0]?.view;
  const said = front && announcement(front);
  // In a consultation it is the customer of whom the agent speaks.
  const customer = front && (customerOf(stage.value[0]!, stage.value)?.view ?? front);
  return (
    <>
      <Header />
      {isElsewhere.value ? (
        <Elsewhere />
      ) : (
        <main>
          <Banner />
          <div class="desk">
            <div class="stage">
              <Trouble />
              {stage.value.length ? stage.value.map((face) => <CallCard key={face.view.id} face={face} />) : <Dialler />}
            </div>
            <div class="side">
              {customer && <ContextPanel key={customer.peer.number} number={customer.peer.number} />}
              <RecentCalls />
            </div>
          </div>
        </main>
      )}
      <p class="unseen" role="status">
        {said}
      </p>
      <Title said={said} />
    </>
  );
}

/** The tab's name tells of a call while the agent looks at another tab. */
function Title({ said }: { said?: string }) {
  useEffect(() => {
    document.title = said ? `${said} · Warmline` : 'Warmline';
  }, [said]);
  return null;
}
