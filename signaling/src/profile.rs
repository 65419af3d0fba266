//! Whose softphone a line speaks like: what is observable of a user agent beyond what the RFCs fix.

/// The habits of a user agent. Plain data: a new look-alike is a new constructor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Instead of the endpoint's own; the operator's choice, never the default.
    pub user_agent: Option<String>,
    /// Max-Forwards of requests.
    pub max_forwards: u8,
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
            register_allow:
                "INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY,SUBSCRIBE"
                    .to_owned(),
            register_supported: "path,gruu,outbound".to_owned(),
            tag_length: 10,
            call_id_length: 22,
            branch: BranchStyle::SevenDigits,
        }
    }

    /// A gateway towards a trunk: nobody to look like, so all identifiers are long.
    pub fn trunk() -> Profile {
        Profile {
            user_agent: None,
            max_forwards: 70,
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
