//! One call's dialog as its UAC (RFC 3261 §12, §13.2, §17.1.1): which message comes next, and with which headers.
//!
//! Pure: the caller sends what is returned. The line is reliable, so nothing is resent.

use super::sip::{Message, Start, parameter, uri};

/// The platform's half of a dialog towards an agent's extension.
#[derive(Debug)]
pub struct Dialog {
    call_id: String,
    /// From, tag included.
    local: String,
    local_tag: String,
    /// To; its tag is there once the peer answered.
    remote: String,
    /// Where in-dialog requests go: the registered contact, then the peer's Contact.
    remote_target: String,
    route_set: Vec<String>,
    sent_by: String,
    contact: String,
    sequence: u32,
    branches: u32,
    invite_branch: String,
}

/// Who calls whom, and over which line.
#[derive(Debug)]
pub struct Parties<'a> {
    pub caller: &'a str,
    pub extension: &'a str,
    pub domain: &'a str,
    /// The contact that the line registered.
    pub target: &'a str,
    /// Via's transport and sent-by, e.g. `WSS 127.0.0.1:444`.
    pub sent_by: &'a str,
    pub contact: &'a str,
}

impl Dialog {
    /// Opens a dialog: the INVITE with `offer` and `extra` headers. `token` is random and in no other call.
    pub fn invite(
        parties: &Parties<'_>,
        token: &str,
        offer: String,
        extra: &[(String, String)],
    ) -> (Self, Message) {
        let domain = parties.domain;
        let mut dialog = Self {
            call_id: format!("{token}@{domain}"),
            local: format!("<sip:{}@{domain}>;tag=p{token}", parties.caller),
            local_tag: format!("p{token}"),
            remote: format!("<sip:{}@{domain}>", parties.extension),
            remote_target: parties.target.to_owned(),
            route_set: Vec::new(),
            sent_by: parties.sent_by.to_owned(),
            contact: parties.contact.to_owned(),
            sequence: 1,
            branches: 0,
            invite_branch: String::new(),
        };
        dialog.invite_branch = dialog.branch();
        let invite = extra
            .iter()
            .fold(
                dialog.request("INVITE", 1, &dialog.invite_branch),
                |m, (n, v)| m.with(n, v),
            )
            .with("Contact", &dialog.contact)
            .with("Allow", ALLOW)
            .with_sdp(offer);
        (dialog, invite)
    }

    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// Whether a response answers the INVITE rather than a later request.
    pub fn is_invites(&self, response: &Message) -> bool {
        response.cseq() == Some((1, "INVITE"))
    }

    /// CANCEL for the INVITE: its branch, its sequence number (RFC 3261 §9.1).
    pub fn cancel(&self) -> Message {
        self.request("CANCEL", 1, &self.invite_branch)
    }

    /// ACK for a final response other than 2xx: the INVITE's branch, the response's To (§17.1.1.3).
    pub fn ack_rejection(&mut self, response: &Message) -> Message {
        if let Some(to) = response.header("To") {
            self.remote = to.to_owned();
        }
        self.request("ACK", 1, &self.invite_branch)
    }

    /// Takes a 2xx and returns its ACK; the route set is the response's, reversed (§12.1.2).
    pub fn establish(&mut self, response: &Message) -> Message {
        if let Some(to) = response.header("To") {
            self.remote = to.to_owned();
        }
        if let Some(contact) = response.header("Contact") {
            self.remote_target = uri(contact).to_owned();
        }
        self.route_set = response
            .headers("Record-Route")
            .rev()
            .map(str::to_owned)
            .collect();
        let branch = self.branch();
        self.request("ACK", 1, &branch)
    }

    /// Ends the dialog.
    pub fn bye(&mut self) -> Message {
        self.sequence += 1;
        let branch = self.branch();
        self.request("BYE", self.sequence, &branch)
    }

    /// Whether a request from the peer belongs to this dialog (§12.2.2).
    pub fn owns(&self, request: &Message) -> bool {
        let tag = |name| {
            request
                .header(name)
                .and_then(|value| parameter(value, "tag"))
        };
        tag("To") == Some(&self.local_tag) && tag("From") == parameter(&self.remote, "tag")
    }

    /// A response to a request inside the dialog, with our Contact as a target refresh asks for it.
    pub fn respond(&self, request: &Message, status: u16, reason: &str) -> Message {
        Message::response(request, status, reason)
            .with("Contact", &self.contact)
            .with("Allow", ALLOW)
    }

    fn request(&self, method: &str, sequence: u32, branch: &str) -> Message {
        let request = Message::request(method, &self.remote_target)
            .with("Via", format!("SIP/2.0/{};branch={branch}", self.sent_by))
            .with("Max-Forwards", "70");
        self.route_set
            .iter()
            .fold(request, |m, route| m.with("Route", route))
            .with("From", &self.local)
            .with("To", &self.remote)
            .with("Call-ID", &self.call_id)
            .with("CSeq", format!("{sequence} {method}"))
    }

    /// Unique by the call's token and a count.
    fn branch(&mut self) -> String {
        self.branches += 1;
        format!("z9hG4bK{}{}", self.local_tag, self.branches)
    }
}

/// Status and reason phrase of a response.
pub fn status(response: &Message) -> Option<(u16, &str)> {
    match &response.start {
        Start::Response { status, reason } => Some((*status, reason)),
        Start::Request { .. } => None,
    }
}

const ALLOW: &str = "INVITE,ACK,CANCEL,BYE,UPDATE,INFO,OPTIONS";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cancel_and_the_ack_of_a_rejection_bear_the_invites_branch() {
        let (mut dialog, invite) = opened();
        let via = invite.header("Via").unwrap();
        assert_eq!(dialog.cancel().header("Via"), Some(via));
        let rejection = Message::response(&invite, 486, "Busy Here").with_to_tag("gw");
        let ack = dialog.ack_rejection(&rejection);
        assert_eq!(ack.header("Via"), Some(via));
        assert_eq!(ack.header("To"), rejection.header("To"));
        assert_eq!(ack.cseq(), Some((1, "ACK")));
    }

    #[test]
    fn what_follows_a_2xx_goes_to_the_peers_contact_by_its_routes() {
        let (mut dialog, invite) = opened();
        let ok = Message::response(&invite, 200, "OK")
            .with_to_tag("gw")
            .with("Record-Route", "<sip:a;lr>")
            .with("Record-Route", "<sip:b;lr>")
            .with("Contact", "<sip:500607@k3.invalid;gr=1>");
        let ack = dialog.establish(&ok);
        let bye = dialog.bye();
        for request in [&ack, &bye] {
            let Start::Request { uri, .. } = &request.start else {
                panic!("a request")
            };
            assert_eq!(uri, "sip:500607@k3.invalid;gr=1");
            assert_eq!(
                request.headers("Route").collect::<Vec<_>>(),
                ["<sip:b;lr>", "<sip:a;lr>"]
            );
        }
        let branches = [&invite, &ack, &bye].map(|m| m.header("Via").unwrap().to_owned());
        assert!(
            branches[0] != branches[1] && branches[1] != branches[2] && branches[0] != branches[2]
        );
        assert_eq!(bye.cseq(), Some((2, "BYE")));
    }

    #[test]
    fn only_both_tags_make_a_request_the_dialogs() {
        let (mut dialog, invite) = opened();
        dialog.establish(&Message::response(&invite, 200, "OK").with_to_tag("gw"));
        let from_peer = |to_tag: &str| {
            Message::request("BYE", "sip:p")
                .with("From", "<sip:500607@provider.example>;tag=gw")
                .with("To", format!("<sip:x@provider.example>;tag={to_tag}"))
        };
        assert!(dialog.owns(&from_peer("p77")));
        assert!(!dialog.owns(&from_peer("p78")));
    }

    fn opened() -> (Dialog, Message) {
        let parties = Parties {
            caller: "+919000000010",
            extension: "500607",
            domain: "provider.example",
            target: "sip:n7@k3.invalid;transport=ws",
            sent_by: "WSS 127.0.0.1:444",
            contact: "<sip:platform@127.0.0.1:444;transport=wss>",
        };
        Dialog::invite(&parties, "77", "v=0\r\n".to_owned(), &[])
    }
}
