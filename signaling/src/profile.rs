//! Whose softphone a line speaks like: what is observable of a user agent beyond what the RFCs fix.

/// The habits of a user agent. Plain data: a new look-alike is a new constructor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Instead of the endpoint's own; the operator's choice, never the default.
    pub user_agent: Option<String>,
    /// Max-Forwards of requests.
    pub max_forwards: u8,
    /// The order of REGISTER's headers.
    pub register_layout: RegisterLayout,
    /// What follows the URI in REGISTER's Contact, before `expires`.
    pub contact_parameters: Vec<ContactParameter>,
    /// Allow in REGISTER. What the endpoint itself can do is said elsewhere.
    pub register_allow: String,
    /// Supported in REGISTER.
    pub register_supported: String,
    /// Characters of a tag, 5 bits each.
    pub tag_length: usize,
    /// Characters of a Call-ID, 5 bits each.
    pub call_id_length: usize,
    /// What follows the magic cookie of a branch.
    pub branch: BranchStyle,
}

/// How a REGISTER is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegisterLayout {
    /// Max-Forwards after Via, the expiry in a header as well as in Contact.
    Jssip,
    /// Max-Forwards after Call-ID, which follows CSeq; the expiry in Contact alone.
    Sipjs,
}

/// A parameter of a binding (RFC 5626 §4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContactParameter {
    /// `+sip.ice`
    Ice,
    /// `reg-id=1`
    RegId,
    /// `+sip.instance`, with the line's own.
    Instance,
    /// As it stands, such as `+sip.rendering="no"`.
    Other(String),
}

/// How a branch is made unique (RFC 3261 §8.1.1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BranchStyle {
    /// Up to seven decimal digits, as JsSIP does. Few, but the flow is an authenticated connection of its own.
    SevenDigits,
    /// 20 characters of 5 bits: for datagrams, where a guess could answer in another's name.
    Random,
}

impl Profile {
    /// JsSIP 3.13 in a browser, as captured; the default for lines.
    pub fn jssip() -> Profile {
        Profile {
            user_agent: None,
            max_forwards: 69,
            register_layout: RegisterLayout::Jssip,
            contact_parameters: vec![
                ContactParameter::Ice,
                ContactParameter::RegId,
                ContactParameter::Instance,
            ],
            register_allow:
                "INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY,SUBSCRIBE"
                    .to_owned(),
            register_supported: "path,gruu,outbound".to_owned(),
            tag_length: 10,
            call_id_length: 22,
            branch: BranchStyle::SevenDigits,
        }
    }

    /// SIP.js 0.21 in a browser, as captured: it registers without outbound's parameters.
    pub fn sipjs() -> Profile {
        Profile {
            max_forwards: 70,
            register_layout: RegisterLayout::Sipjs,
            contact_parameters: Vec::new(),
            register_allow: "ACK,CANCEL,INVITE,MESSAGE,BYE,OPTIONS,INFO,NOTIFY,REFER".to_owned(),
            register_supported: "outbound, path, gruu".to_owned(),
            ..Profile::jssip()
        }
    }

    /// Like the default, with another name and other Contact parameters: for a registrar that wants to be told something
    /// of its own.
    pub fn custom(user_agent: &str, contact_parameters: &[&str]) -> Profile {
        let other = |parameter: &&str| ContactParameter::Other((*parameter).to_owned());
        Profile {
            user_agent: Some(user_agent.to_owned()),
            contact_parameters: contact_parameters.iter().map(other).collect(),
            ..Profile::jssip()
        }
    }

    /// A gateway towards a trunk: nobody to look like, so all identifiers are long.
    pub fn trunk() -> Profile {
        Profile {
            user_agent: None,
            max_forwards: 70,
            register_layout: RegisterLayout::Jssip,
            contact_parameters: Vec::new(),
            register_allow: String::new(),
            register_supported: String::new(),
            tag_length: 16,
            call_id_length: 26,
            branch: BranchStyle::Random,
        }
    }
}

impl Default for Profile {
    fn default() -> Self {
        Profile::jssip()
    }
}

impl ContactParameter {
    /// With its semicolon.
    pub(crate) fn text(&self, instance: &str) -> String {
        match self {
            ContactParameter::Ice => ";+sip.ice".to_owned(),
            ContactParameter::RegId => ";reg-id=1".to_owned(),
            ContactParameter::Instance => format!(";+sip.instance=\"<{instance}>\""),
            ContactParameter::Other(text) => format!(";{text}"),
        }
    }
}
