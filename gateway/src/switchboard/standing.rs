//! What goes to the agent's platform beside dials: how the agent stands, dispositions, questions; and what comes back.

use std::time::Duration;

use tokio::sync::oneshot;

use super::draining::{Admission, DRAINING};
use super::placed::{Age, Route};
use super::provider::NOT_AT_THE_DESK;
use super::task::Task;
use crate::agent::{AVAILABLE, wire};
use crate::call::CallId;
use crate::call::number::Number;
use crate::call::platform::Platform;
use crate::clock::Moment;
use crate::http::problem::Problem;
use crate::ozonetel::{Choice, Disposal, Question, Report, SEPARATORS, Standing};
use crate::store::Disposition;

impl Task {
    /// Tells the platform how the agent stands at the desk.
    pub(super) fn mirror(&self, agent: usize) {
        let shown = &self.agents[agent];
        let Some(token) = &shown.token else {
            return;
        };
        let status = &shown.status;
        token.socket.stand(match &shown.session {
            _ if self.admission != Admission::Open => Standing::Paused(DRAINING.to_owned()),
            None => Standing::Paused(NOT_AT_THE_DESK.to_owned()),
            Some(_) if status.name == AVAILABLE => Standing::Ready,
            Some(_) => {
                // Said back as it was said, or each of them would be a change for the platform.
                let reason = shown.supervisors_reason.as_ref().or(status.reason.as_ref());
                let reason = reason.unwrap_or(&status.name);
                Standing::Paused(reason.replace(SEPARATORS, " "))
            }
        });
    }

    /// A supervisor changed how the agent stands; the token socket has confirmed it already.
    pub(super) fn stand_as_told(
        &mut self,
        now: Moment,
        agent: usize,
        name: &str,
        words: Option<String>,
        who: Option<String>,
    ) {
        let reason = match (&words, who) {
            (Some(words), who) => Some(by(words, who)),
            (None, Some(who)) => Some(by("Made ready", Some(who))),
            (None, None) => None,
        };
        self.agents[agent].supervisors_reason = words;
        self.agents[agent].status = wire::StatusView {
            name: name.to_owned(),
            since: now.epoch_ms,
            reason: reason.clone(),
        };
        self.stir(agent);
        self.show_agent(now, agent);
        if let Some(reason) = reason {
            self.notify(
                now,
                agent,
                format!("A supervisor changed your status: {reason}."),
            );
        }
    }

    /// A reason that goes to the platform must not fall apart there.
    pub(super) fn check_reason(&self, agent: usize, reason: Option<&str>) -> Result<(), Problem> {
        let goes = self.agents[agent].token.is_some();
        match reason.and_then(|reason| reason.chars().find(|c| SEPARATORS.contains(c))) {
            Some(character) if goes => Err(separator("reason", character)),
            Some(_) | None => Ok(()),
        }
    }

    /// The platform's record gets the disposition, too, where the call was its own.
    pub(super) fn dispose_at_platform(
        &mut self,
        age: Age,
        disposition: &Disposition,
    ) -> Result<(), Problem> {
        let Some(placed) = self.calls.get(&age) else {
            return Ok(());
        };
        let (Route::Line(_), Some(token), Some(ucid)) = (
            placed.route,
            &self.agents[placed.agent].token,
            &placed.call.ucid,
        ) else {
            return Ok(());
        };
        let code = &disposition.code;
        if let Some(character) = code.chars().find(|c| SEPARATORS.contains(c)) {
            return Err(separator("disposition", character));
        }
        let ozonetel = self.config.ozonetel.as_ref();
        let country = ozonetel.map_or("", |ozonetel| ozonetel.country.as_str());
        let peer = &placed.call.peer.number;
        let disposal = Disposal {
            call: placed.call.id.clone(),
            ucid: ucid.clone(),
            did: placed.platform.did.clone(),
            number: Number::parse(peer).map_or_else(
                |_| String::new(),
                |number| number.national(country).to_owned(),
            ),
            uui: placed.platform.uui.clone(),
            code: code.clone(),
            callback_at: disposition.callback_at,
        };
        match token.socket.dispose(disposal) {
            true => Ok(()),
            false => Err(Problem::unavailable(
                "Too much is waiting on the provider's token socket; try again in a second.",
            )),
        }
    }

    pub(super) fn disposed(
        &mut self,
        now: Moment,
        agent: usize,
        call: &CallId,
        outcome: Result<(), String>,
    ) {
        let told = match &outcome {
            Ok(()) => "The platform took the disposition.".to_owned(),
            Err(words) => format!("The platform did not take the disposition: {words}"),
        };
        if let Some(age) = self.ages.get(call).copied()
            && let Some(placed) = self.calls.get_mut(&age)
        {
            placed.call.tell(now, told.clone());
            self.touched.insert(age);
        }
        if outcome.is_err() {
            self.notify(now, agent, told);
        }
    }

    pub(super) fn ask_platform(
        &self,
        agent: &str,
        question: Question,
        reply: oneshot::Sender<Result<Vec<Choice>, Problem>>,
    ) {
        let token = match self.agent_index(agent) {
            Some(agent) => self.agents[agent].token.as_ref(),
            None => None,
        };
        let Some(token) = token else {
            let words = format!("There is no agent {agent:?} with a token socket.");
            let _ = reply.send(Err(Problem::not_found(words)));
            return;
        };
        let answer = token.socket.ask(question);
        tokio::spawn(async move {
            let _ = reply.send(answer.await.map_err(Problem::unavailable));
        });
    }

    /// The webhook's report goes to the call of that name, however long it is over; it ends nothing.
    pub(super) fn handle_report(&mut self, report: Report) {
        let Report { ucids, platform } = report;
        let is_meant =
            |ours: &Option<String>| ours.as_ref().is_some_and(|ours| ucids.contains(ours));
        let meant = self
            .calls
            .iter()
            .rev()
            .find(|(_, placed)| is_meant(&placed.call.ucid))
            .map(|(age, _)| *age);
        self.learn(meant, platform);
    }

    pub(super) fn learn(&mut self, age: Option<Age>, report: Platform) {
        if let Some(age) = age
            && let Some(placed) = self.calls.get_mut(&age)
            && placed.platform.learn(report)
        {
            if let Some(seconds) = placed.platform.wrap_up_s {
                placed.call.set_wrap_up(Duration::from_secs(seconds));
            }
            self.touched.insert(age);
        }
    }

    /// The call whose record the platform has closed: the one it names, or else the agent's newest on the line.
    pub(super) fn closed(&self, agent: usize, ucid: Option<&str>) -> Option<Age> {
        let own = |placed: &&super::placed::Placed| {
            placed.agent == agent && matches!(placed.route, Route::Line(_))
        };
        let mut newest = self.calls.iter().rev().filter(|(_, placed)| own(placed));
        let found = match ucid {
            Some(ucid) => newest.find(|(_, placed)| placed.call.ucid.as_deref() == Some(ucid)),
            None => newest.find(|(_, placed)| !placed.call.is_up()),
        };
        found.map(|(age, _)| *age)
    }

    pub(super) fn notify(&mut self, now: Moment, agent: usize, words: String) {
        let notice = wire::Event::Notice {
            kind: wire::NoticeKind::Platform,
            in_ms: None,
            detail: Some(words),
        };
        self.tell_agent(now, agent, notice);
    }
}

fn by(what: &str, who: Option<String>) -> String {
    match who {
        Some(who) => format!("{what} (by {who})"),
        None => what.to_owned(),
    }
}

fn separator(what: &str, character: char) -> Problem {
    Problem::bad_request(format!(
        "The {what} holds {character:?}, which the provider separates values by."
    ))
}
