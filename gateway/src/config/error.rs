//! What is wrong with a configuration, in words an operator can act on.

use std::fmt;

/// All that is wrong with one configuration; displays as one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    origin: String,
    faults: Vec<Fault>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// Counted from 1; `None` where no line of the file is to blame.
    pub line: Option<usize>,
    /// As the operator writes it: `http.listen`, `agent[2].id`, or an environment variable's name. Empty for the whole file.
    pub key: String,
    pub message: String,
}

/// Collects what is wrong, so that an operator sees all of it at once.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl ConfigError {
    pub(super) fn of(origin: &str, mut faults: Vec<Fault>) -> Self {
        faults.sort_by_key(|fault| fault.line);
        Self {
            origin: origin.to_owned(),
            faults,
        }
    }

    pub(super) fn unreadable(origin: &str, error: &std::io::Error) -> Self {
        Self::of(
            origin,
            vec![Fault {
                line: None,
                key: String::new(),
                message: format!("can't be read: {error}"),
            }],
        )
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration {} can't be used:", self.origin)?;
        for fault in &self.faults {
            f.write_str("\n  ")?;
            if let Some(line) = fault.line {
                write!(f, "line {line}: ")?;
            }
            if !fault.key.is_empty() {
                write!(f, "{}: ", fault.key)?;
            }
            f.write_str(&fault.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl Faults {
    pub(super) fn push(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// The value, or `None` and one fault more.
    pub(super) fn keep<T>(&mut self, read: Result<T, Fault>) -> Option<T> {
        read.map_err(|fault| self.0.push(fault)).ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_vec(self) -> Vec<Fault> {
        self.0
    }
}
