//! `[[status]]`: how an agent may stand besides available, on a break and offline. No calls come in any of them.

use super::error::Fault;
use super::table::Table;

/// A status of the operator's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// As the socket, the API and the metrics' labels have it.
    pub name: String,
    /// For people; the name when none is given.
    pub label: String,
}

impl Status {
    pub(super) const KEYS: &[&str] = &["name", "label"];

    pub(super) fn read(table: Table<'_>) -> Result<Self, Fault> {
        let name: String = table.required("name")?;
        if BUILT_IN.contains(&name.as_str()) {
            return Err(table.fault("name", format!("\"{name}\" is there without being named")));
        }
        if !is_word(&name) {
            return Err(table.fault(
                "name",
                "must be a word of small letters, digits and \"-\", 32 at most",
            ));
        }
        let label: String = table.or("label", name.clone())?;
        if label.trim().is_empty() {
            return Err(table.fault("label", "must not be empty"));
        }
        Ok(Self { name, label })
    }
}

/// It becomes a metric's label and a reason at the platform.
fn is_word(name: &str) -> bool {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=LONGEST).contains(&name.len()) && name.chars().all(word)
}

/// What an agent may always choose; calls come in the first of them.
pub const BUILT_IN: [&str; 3] = ["available", "break", "offline"];

const LONGEST: usize = 32;
