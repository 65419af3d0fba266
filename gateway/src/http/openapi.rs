//! `/openapi.json`: the API, described for programs. Written by hand; tests hold it against the routes and the views.

use std::sync::Arc;

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE};

use super::Public;

pub(super) fn routes() -> Router<Arc<Public>> {
    Router::new().route("/openapi.json", get(document))
}

/// Readable from any page: a documentation browser is often elsewhere.
async fn document() -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, "application/vnd.oai.openapi+json;version=3.1"),
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    (headers, DOCUMENT)
}

pub(super) const DOCUMENT: &str = include_str!("openapi.json");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde::Serialize;
    use serde_json::{Value, json};

    use super::*;
    use crate::agent::wire::{
        AgentView, CallView, EndedBy, EndedView, Peer, Progress, SipStatus, StatusView,
    };
    use crate::call::CallId;
    use crate::crm::Context;
    use crate::explain::Cause;
    use crate::http::context::Answer;
    use crate::http::fake_switchboard::{agent, ringing};
    use crate::http::problem::Problem;
    use crate::store::{Disposition, Platform};
    use crate::switchboard::{LineKind, LineView, Told};

    fn document() -> Value {
        serde_json::from_str(DOCUMENT).expect("JSON")
    }

    fn keys(object: &Value) -> BTreeSet<&str> {
        let object = object.as_object().expect("an object");
        object.keys().map(String::as_str).collect()
    }

    /// Paths and verbs as the sources of the routes write them: `.route("/v1/calls", post(place).get(list))`.
    fn routed() -> BTreeSet<String> {
        const SOURCES: [&str; 9] = [
            include_str!("calls.rs"),
            include_str!("agents.rs"),
            include_str!("events.rs"),
            include_str!("context.rs"),
            include_str!("lines.rs"),
            include_str!("recordings.rs"),
            include_str!("providers.rs"),
            include_str!("socket.rs"),
            include_str!("../http.rs"),
        ];
        SOURCES
            .iter()
            .flat_map(|source| source.split(".route(\"").skip(1))
            .filter_map(|rest| rest.split_once("\", "))
            .flat_map(|(path, rest)| {
                let verbs = rest.lines().next().unwrap_or_default();
                ["get", "post", "put", "delete"]
                    .into_iter()
                    .filter(|verb| verbs.contains(&format!("{verb}(")))
                    .map(move |verb| format!("{verb} {path}"))
            })
            .collect()
    }

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let document = document();
        let paths = document["paths"].as_object().expect("paths");
        let described: BTreeSet<String> = paths
            .iter()
            .flat_map(|(path, item)| {
                keys(item)
                    .into_iter()
                    .filter(|key| *key != "parameters")
                    .map(move |verb| format!("{verb} {path}"))
            })
            .collect();
        assert_eq!(described, routed());
        assert!(described.contains("put /v1/calls/{call}/disposition"));
    }

    #[test]
    fn the_version_is_the_programs() {
        assert_eq!(document()["info"]["version"], env!("CARGO_PKG_VERSION"));
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let references = DOCUMENT
            .split("\"$ref\": \"#")
            .skip(1)
            .filter_map(|rest| rest.split('"').next());
        for reference in references {
            assert!(document.pointer(reference).is_some(), "{reference}");
        }
    }

    #[test]
    fn the_views_have_the_keys_that_are_described() {
        let document = document();
        let sip = SipStatus {
            code: 486,
            reason: "Busy Here".to_owned(),
        };
        let call = CallView {
            progress: Some(Progress::Alerting),
            peer: Peer {
                number: "+919000000001".to_owned(),
                name: Some("Asha".to_owned()),
            },
            answered_at: Some(1),
            ended_at: Some(2),
            auto_answered: Some(true),
            context: Some(json!({})),
            ucid: Some("1".to_owned()),
            ended: Some(EndedView {
                by: EndedBy::Customer,
                reason: "busy",
                detail: "The customer is busy.".to_owned(),
                sip: Some(sip.clone()),
            }),
            linked: Some(CallId::fresh()),
            closes_at: Some(3),
            ..ringing(CallId::fresh(), "agent7", "+919000000001")
        };
        let agent = AgentView {
            status: StatusView {
                name: "break".to_owned(),
                since: 1,
                reason: Some("lunch".to_owned()),
            },
            not_ready_because: Some("The agent is on a break.".to_owned()),
            ..agent("agent7")
        };
        let line = LineView {
            id: "carrier".to_owned(),
            kind: LineKind::Trunk,
            up: false,
            detail: Some("It doesn't answer OPTIONS.".to_owned()),
            since: 1,
        };
        let told = Told {
            at: 1,
            what: "the agent dialled".to_owned(),
        };
        let problem = Problem {
            request_id: Some("1".to_owned()),
            sip: Some(sip),
            ..Problem::conflict("The call is over.")
        };
        assert_described(&document, "CallView", &call);
        assert_described(&document, "AgentView", &agent);
        assert_described(&document, "LineView", &line);
        assert_described(&document, "Told", &told);
        assert_described(&document, "Explained", &Cause::NoInvite.explained());
        let disposition = Disposition {
            code: "sold".to_owned(),
            notes: Some("two".to_owned()),
            callback_at: Some(1),
        };
        assert_described(&document, "Disposition", &disposition);
        let word = || Some("word".to_owned());
        let platform = Platform {
            campaign: word(),
            did: word(),
            skill: word(),
            uui: word(),
            wrap_up_s: Some(30),
            status: word(),
            recording: word(),
            started_at: Some(1),
            answered_at: Some(2),
            ended_at: Some(3),
        };
        assert_described(&document, "Platform", &platform);
        assert_described(&document, "Problem", &problem);
        let found = Answer::Known(Context {
            name: word(),
            summary: word(),
            frame: word(),
            ..Context::default()
        });
        assert_described(&document, "Context", &found);
    }

    /// `view` has every optional key set.
    fn assert_described(document: &Value, schema: &str, view: &impl Serialize) {
        let view = serde_json::to_value(view).expect("it can be written");
        let properties = &document["components"]["schemas"][schema]["properties"];
        assert_eq!(keys(properties), keys(&view), "{schema}");
    }
}
