//! The demo contact book: a customer system of a few people, on a loopback port of its own, asked as any other is.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use axum::extract::{Query, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A customer whom the simulated provider knows, too.
#[derive(Debug)]
pub(super) struct Contact {
    pub number: &'static str,
    pub name: &'static str,
    /// On the telephone, as a sentence's end.
    pub does: &'static str,
    city: &'static str,
    plan: &'static str,
    summary: &'static str,
    page: Page,
}

/// Whether the desk shows a page of the book beside the call.
#[derive(Debug, PartialEq)]
enum Page {
    None,
    Orders,
}

/// Starts it; its task ends with the program.
///
/// # Errors
///
/// Loopback has no port left.
pub(super) async fn serve() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let routes = Router::new()
        .route("/contacts", get(contact))
        .route("/orders", get(|| async { Html(ORDERS) }))
        .with_state(address);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(address)
}

#[derive(Debug, Deserialize)]
struct Asking {
    number: String,
}

async fn contact(
    State(here): State<SocketAddr>,
    Query(Asking { number }): Query<Asking>,
) -> Response {
    match find(&number) {
        Some(contact) => Json(contact.document(here)).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// As dialled with or without the country code.
fn find(number: &str) -> Option<&'static Contact> {
    let national = number.strip_prefix("+91").unwrap_or(number);
    let national = national.trim_start_matches('0');
    BOOK.iter()
        .find(|contact| contact.number.strip_prefix("+91") == Some(national))
}

impl Contact {
    fn document(&self, here: SocketAddr) -> Value {
        let mut document = json!({
            "name": self.name,
            "summary": self.summary,
            "fields": [
                { "label": "City", "value": self.city },
                { "label": "Plan", "value": self.plan },
                { "label": "Customer since", "value": 2021 },
            ],
            "links": [
                { "label": "Open the customer's file", "url": "https://crm.example.com/customers" },
                { "label": "Write an e-mail", "url": "mailto:customer@example.com" },
            ],
        });
        if self.page == Page::Orders {
            document["frame"] = json!(format!("http://{here}/orders"));
        }
        document
    }
}

/// Numbers whose last digits say what the customer does.
pub(super) const BOOK: [Contact; 6] = [
    Contact {
        number: "+919000000001",
        name: "Meera Krishnan",
        does: "talks",
        city: "Chennai",
        plan: "Family care",
        summary: "Asked last week to move her mother's appointment.\nPrefers calls in the morning.",
        page: Page::None,
    },
    Contact {
        number: "+919000000012",
        name: "Rahul Nair",
        does: "hums a tone",
        city: "Kochi",
        plan: "Basic",
        summary: "New customer. Has not finished the registration.",
        page: Page::None,
    },
    Contact {
        number: "+919000000020",
        name: "Farah Siddiqui",
        does: "echoes",
        city: "Hyderabad",
        plan: "Business",
        summary: "Two open orders, shown below.",
        page: Page::Orders,
    },
    Contact {
        number: "+919000000030",
        name: "Arjun Mehta",
        does: "is busy",
        city: "Mumbai",
        plan: "Basic",
        summary: "Hard to reach before six.",
        page: Page::None,
    },
    Contact {
        number: "+919000000031",
        name: "Leela Thomas",
        does: "never picks up",
        city: "Bengaluru",
        plan: "Family care",
        summary: "Answers e-mail sooner than the telephone.",
        page: Page::None,
    },
    Contact {
        number: "+919000000050",
        name: "Vikram Rao",
        does: "talks for three seconds and hangs up",
        city: "Pune",
        plan: "Business",
        summary: "Always in a hurry.",
        page: Page::None,
    },
];

const ORDERS: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"color-scheme\" content=\"light dark\">\
    <title>Orders</title><body style=\"font:14px system-ui,sans-serif;margin:16px\"><table cellpadding=\"6\">\
    <tr><th align=\"left\">Order</th><th align=\"left\">State</th></tr>\
    <tr><td>4711</td><td>On its way</td></tr><tr><td>4712</td><td>Waits for payment</td></tr></table>";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crm::Context;

    #[test]
    fn a_contact_is_found_however_the_number_was_written() {
        for number in ["+919000000001", "9000000001", "09000000001"] {
            assert_eq!(
                find(number).map(|contact| contact.name),
                Some("Meera Krishnan")
            );
        }
        assert!(find("+919000000099").is_none());
        assert!(find("").is_none());
    }

    #[test]
    fn every_contact_is_one_that_the_desk_can_show() {
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 8088));
        let frames = [format!("http://{here}")];
        for contact in &BOOK {
            let document = contact.document(here).to_string();
            let context = Context::parse(document.as_bytes(), &frames).expect("it is a context");
            assert_eq!(context.name.as_deref(), Some(contact.name));
            assert_eq!((context.fields.len(), context.links.len()), (3, 2));
            assert_eq!(context.frame.is_some(), contact.page == Page::Orders);
        }
    }
}
