import { useEffect } from 'preact/hooks';
import { Banner } from './banner';
import { CallCard } from './call_card';
import { Dialler } from './dialler';
import { Header } from './header';
import { agent, isElsewhere, stage } from './model';
import { RecentCalls } from './recent_calls';
import { SignInForm } from './sign_in_form';
import { Trouble } from './trouble';
import { announcement } from './words';

/** The whole page. */
export function Desk() {
  if (!agent.value) return <SignInForm />;
  const said = stage.value[0] && announcement(stage.value[0].view);
  return (
    <>
      <Header />
      <main>
        <Banner />
        <div class="desk" inert={isElsewhere.value}>
          <div class="stage">
            <Trouble />
            {stage.value.length ? stage.value.map((face) => <CallCard key={face.view.id} face={face} />) : <Dialler />}
          </div>
          <RecentCalls />
        </div>
      </main>
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
