//! Which events somebody wants: `call.ended`, `recording.*`, `*`.

use std::str::FromStr;

use super::{Kind, PREFIX};

/// A choice of events; the empty one is all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Types(Vec<Pattern>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    All,
    /// Everything that begins so, the dot included.
    Family(String),
    One(String),
}

/// No event is called so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no event {0:?}; a type is like \"call.ended\", \"recording.*\" or \"*\"")]
pub struct NotAType(String);

impl Types {
    /// # Errors
    ///
    /// One that no event can match.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, NotAType> {
        let patterns: Result<_, _> = words.into_iter().map(Pattern::from_str).collect();
        Ok(Self(patterns?))
    }

    /// All events that are wanted, by their words.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        let words = Kind::ALL.iter().map(|kind| kind.word());
        words.filter(|word| self.includes(word))
    }

    pub fn includes(&self, kind: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|pattern| pattern.includes(kind))
    }
}

impl Pattern {
    fn includes(&self, kind: &str) -> bool {
        match self {
            Self::All => true,
            Self::Family(beginning) => kind.starts_with(beginning.as_str()),
            Self::One(word) => kind == word,
        }
    }
}

impl FromStr for Pattern {
    type Err = NotAType;

    fn from_str(text: &str) -> Result<Self, NotAType> {
        let word = text.trim();
        let word = word.strip_prefix(PREFIX).unwrap_or(word);
        let pattern = match word.strip_suffix('*') {
            Some("") => Self::All,
            Some(beginning) if beginning.ends_with('.') => Self::Family(beginning.to_owned()),
            Some(_) => return Err(NotAType(text.to_owned())),
            None => Self::One(word.to_owned()),
        };
        match Kind::ALL.iter().any(|kind| pattern.includes(kind.word())) {
            true => Ok(pattern),
            false => Err(NotAType(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_a_family_or_all_can_be_wanted() {
        let wanted = |words: &[&str], kind: &str| {
            let types = Types::parse(words.iter().copied()).expect("types");
            types.includes(kind)
        };
        assert!(wanted(&[], "call.ended"));
        assert!(wanted(&["*"], "call.ended"));
        assert!(wanted(&["call.*"], "call.ended"));
        assert!(wanted(&["io.warmline.call.*"], "call.ended"));
        assert!(wanted(&["node.started", " call.ended"], "call.ended"));
        assert!(!wanted(&["recording.*", "call.created"], "call.ended"));
    }

    #[test]
    fn what_no_event_is_called_is_refused() {
        for word in [
            "",
            "call",
            "call*",
            "calls.*",
            "call.finished",
            "io.warmline.",
            ".*",
        ] {
            assert!(Types::parse([word]).is_err(), "{word}");
        }
    }
}
