//! One table of the file, read key by key, so that every error knows its line and key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Fault, Faults};
use super::scalar::{Form, Scalar};
use super::secret::Secret;

/// Overrides of single keys: `WARMLINE__HTTP__LISTEN` is `http.listen`.
pub(super) const ENVIRONMENT_PREFIX: &str = "WARMLINE__";

/// Where the values come from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'s> {
    pub text: &'s str,
    /// Relative paths start here.
    pub directory: &'s Path,
    /// Only variables with [`ENVIRONMENT_PREFIX`].
    pub environment: &'s BTreeMap<String, String>,
}

/// A table whose keys are all known.
#[derive(Debug)]
pub(super) struct Table<'s> {
    source: &'s Source<'s>,
    /// As the operator writes it: `http`, `agent[2]`; empty for the root.
    name: String,
    /// The environment's name for it; only tables that exist once have one.
    variable: Option<String>,
    /// `None` when the file doesn't have this table.
    entries: Option<&'s DeTable<'s>>,
    line: Option<usize>,
    keys: &'static [&'static str],
}

/// A value and the line of the table that it was read from.
#[derive(Debug)]
pub(super) struct Located<T> {
    pub value: T,
    pub name: String,
    pub line: Option<usize>,
}

impl<'s> Source<'s> {
    pub(super) fn document(&self) -> Result<Spanned<DeTable<'s>>, Fault> {
        DeTable::parse(self.text).map_err(|error| Fault {
            line: error.span().map(|span| self.line_of(span.start)),
            key: String::new(),
            message: format!("not TOML: {}", error.message()),
        })
    }

    fn line_of(&self, offset: usize) -> usize {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }
}

impl<'s> Table<'s> {
    /// The whole document. Unknown sections become faults, and reading goes on: the known ones may have more.
    pub(super) fn root(
        source: &'s Source<'s>,
        document: &'s Spanned<DeTable<'s>>,
        keys: &'static [&'static str],
        faults: &mut Faults,
    ) -> Self {
        let root = Self {
            source,
            name: String::new(),
            variable: None,
            entries: Some(document.get_ref()),
            line: None,
            keys,
        };
        for fault in root.unknown_keys() {
            faults.push(fault);
        }
        for name in source.environment.keys() {
            let section = name[ENVIRONMENT_PREFIX.len()..]
                .split("__")
                .next()
                .unwrap_or("")
                .to_ascii_lowercase();
            if !keys.contains(&section.as_str()) {
                faults.push(unknown(name.clone(), None, &section, keys));
            }
        }
        root
    }

    /// A section that has defaults for all that is missing.
    pub(super) fn section(
        &self,
        name: &'static str,
        keys: &'static [&'static str],
    ) -> Result<Table<'s>, Fault> {
        let table = match self.entry(name) {
            Some(value) => self.nested(name, value, keys)?,
            None => Table {
                source: self.source,
                name: self.path(name),
                variable: self.variable_of(name),
                entries: None,
                line: None,
                keys,
            },
        };
        table.check()
    }

    /// A section whose presence means something; a variable for one of its keys makes it present.
    pub(super) fn optional_section(
        &self,
        name: &'static str,
        keys: &'static [&'static str],
    ) -> Result<Option<Table<'s>>, Fault> {
        let table = self.section(name, keys)?;
        let present = table.entries.is_some() || table.variables().next().is_some();
        Ok(present.then_some(table))
    }

    /// Reads every `[[name]]`; what can't be read becomes a fault.
    pub(super) fn each<T>(
        &self,
        name: &'static str,
        keys: &'static [&'static str],
        read: impl Fn(Table<'s>) -> Result<T, Fault>,
        faults: &mut Faults,
    ) -> Vec<Located<T>> {
        let Some(value) = self.entry(name) else {
            return Vec::new();
        };
        let DeValue::Array(array) = value.get_ref() else {
            faults.push(self.fault(name, format!("must be written as [[{name}]]")));
            return Vec::new();
        };
        let read_one = |(index, value): (usize, &'s Spanned<DeValue<'s>>)| {
            let mut table = self.nested(name, value, keys)?;
            table.name = format!("{name}[{}]", index + 1);
            table.variable = None;
            let (name, line) = (table.name.clone(), table.line);
            let value = read(table.check()?)?;
            Ok(Located { value, name, line })
        };
        array
            .iter()
            .enumerate()
            .filter_map(|entry| faults.keep(read_one(entry)))
            .collect()
    }

    /// Reads a list of tables of a section, `name = [{…}]` or `[[section.name]]`; the first that can't be read is the fault.
    pub(super) fn every<T>(
        &self,
        name: &'static str,
        keys: &'static [&'static str],
        read: impl Fn(Table<'s>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let Some(value) = self.entry(name) else {
            return Ok(Vec::new());
        };
        let DeValue::Array(array) = value.get_ref() else {
            return Err(self.fault(name, "must be a list of tables"));
        };
        let read_one = |(index, value): (usize, &'s Spanned<DeValue<'s>>)| {
            let mut table = self.nested(name, value, keys)?;
            table.name = format!("{}[{}]", self.path(name), index + 1);
            table.variable = None;
            read(table.check()?)
        };
        array.iter().enumerate().map(read_one).collect()
    }

    pub(super) fn optional<T: Scalar>(&self, key: &'static str) -> Result<Option<T>, Fault> {
        debug_assert!(self.keys.contains(&key), "{key} isn't among the known keys");
        if let Some((name, text)) = self.variable(key) {
            return T::from_text(text).map(Some).ok_or_else(|| Fault {
                line: None,
                key: name,
                message: format!("must be {}", T::SHAPE),
            });
        }
        let Some(value) = self.entry(key) else {
            return Ok(None);
        };
        scalar(value)
            .map(Some)
            .ok_or_else(|| self.fault(key, format!("must be {}", T::SHAPE)))
    }

    pub(super) fn or<T: Scalar>(&self, key: &'static str, default: T) -> Result<T, Fault> {
        Ok(self.optional(key)?.unwrap_or(default))
    }

    pub(super) fn required<T: Scalar>(&self, key: &'static str) -> Result<T, Fault> {
        self.optional(key)?
            .ok_or_else(|| self.fault(key, format!("is missing; it must be {}", T::SHAPE)))
    }

    /// A list; `None` when the key is absent.
    pub(super) fn list<T: Scalar>(&self, key: &'static str) -> Result<Option<Vec<T>>, Fault> {
        debug_assert!(self.keys.contains(&key), "{key} isn't among the known keys");
        if let Some((name, _)) = self.variable(key) {
            return Err(Fault {
                line: None,
                key: name,
                message: "is a list and can only stand in the file".to_owned(),
            });
        }
        let Some(value) = self.entry(key) else {
            return Ok(None);
        };
        let shape = || self.fault(key, format!("must be a list, and each of it {}", T::SHAPE));
        let DeValue::Array(array) = value.get_ref() else {
            return Err(shape());
        };
        let items: Option<Vec<T>> = array.iter().map(scalar).collect();
        items.map(Some).ok_or_else(shape)
    }

    /// One value, or a list of at least one.
    pub(super) fn one_or_more<T: Scalar>(&self, key: &'static str) -> Result<Vec<T>, Fault> {
        if !matches!(
            self.entry(key).map(Spanned::get_ref),
            Some(DeValue::Array(_))
        ) {
            return Ok(vec![self.required(key)?]);
        }
        let all = self.list(key)?.unwrap_or_default();
        match all.is_empty() {
            true => Err(self.fault(
                key,
                format!("is an empty list; each of it must be {}", T::SHAPE),
            )),
            false => Ok(all),
        }
    }

    /// A secret written here, or in the file that `file_key` names.
    pub(super) fn secret(
        &self,
        key: &'static str,
        file_key: &'static str,
    ) -> Result<Option<Secret>, Fault> {
        let (text, file) = (self.optional::<String>(key)?, self.path_of(file_key)?);
        match (text, file) {
            (Some(_), Some(_)) => Err(self.fault(
                file_key,
                format!("and {key} are both given; only one can be meant"),
            )),
            (Some(text), None) => Ok(Some(Secret::new(text))),
            (None, None) => Ok(None),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(&path).map_err(|error| {
                    self.fault(
                        file_key,
                        format!("{} can't be read: {error}", path.display()),
                    )
                })?;
                // Editors and `echo` end a file with a newline that nobody means.
                let text = text.trim_end_matches(['\r', '\n']);
                if text.is_empty() {
                    return Err(self.fault(file_key, format!("{} is empty", path.display())));
                }
                Ok(Some(Secret::new(text)))
            }
        }
    }

    /// A path; a relative one starts at the file's directory.
    pub(super) fn path_of(&self, key: &'static str) -> Result<Option<PathBuf>, Fault> {
        let path = self.optional::<String>(key)?;
        Ok(path.map(|path| self.source.directory.join(path)))
    }

    /// A file in the configuration's directory.
    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.source.directory.join(name)
    }

    /// The raw value, for keys that can be more than one thing.
    pub(super) fn entry(&self, key: &str) -> Option<&'s Spanned<DeValue<'s>>> {
        self.entries?.get(key)
    }

    /// Everything in it, for tables whose keys the operator names.
    pub(super) fn free_entries(
        &self,
    ) -> impl Iterator<Item = (&'s str, &'s Spanned<DeValue<'s>>)> + use<'s> {
        self.entries
            .into_iter()
            .flat_map(|entries| entries.iter())
            .map(|(key, value)| (key.get_ref().as_ref(), value))
    }

    /// A table within this one whose keys aren't checked yet.
    pub(super) fn nested(
        &self,
        name: &str,
        value: &'s Spanned<DeValue<'s>>,
        keys: &'static [&'static str],
    ) -> Result<Table<'s>, Fault> {
        let DeValue::Table(entries) = value.get_ref() else {
            return Err(self.fault(
                name,
                format!("must be a table, written as [{}]", self.path(name)),
            ));
        };
        Ok(Table {
            source: self.source,
            name: self.path(name),
            variable: self.variable_of(name),
            entries: Some(entries),
            line: Some(self.source.line_of(value.span().start)),
            keys,
        })
    }

    /// Something is wrong with `key`.
    pub(super) fn fault(&self, key: &str, message: impl Into<String>) -> Fault {
        let line = self
            .entry(key)
            .map(|value| self.source.line_of(value.span().start));
        Fault {
            line: line.or(self.line),
            key: self.path(key),
            message: message.into(),
        }
    }

    fn check(self) -> Result<Self, Fault> {
        if let Some(fault) = self.unknown_keys().into_iter().next() {
            return Err(fault);
        }
        let known = |variable: &String| {
            let key = self.key_of(variable);
            self.keys.contains(&key.as_str())
        };
        let stray = self.variables().find(|name| !known(name)).cloned();
        match stray {
            Some(name) => {
                let key = self.key_of(&name);
                Err(unknown(name, None, &key, self.keys))
            }
            None => Ok(self),
        }
    }

    fn unknown_keys(&self) -> Vec<Fault> {
        let Some(entries) = self.entries else {
            return Vec::new();
        };
        entries
            .keys()
            .filter(|key| !self.keys.contains(&key.get_ref().as_ref()))
            .map(|key| {
                let line = self.source.line_of(key.span().start);
                let name = key.get_ref();
                unknown(self.path(name), Some(line), name, self.keys)
            })
            .collect()
    }

    fn path(&self, key: &str) -> String {
        match self.name.as_str() {
            "" => key.to_owned(),
            name => format!("{name}.{key}"),
        }
    }

    fn variable_of(&self, name: &str) -> Option<String> {
        // Only the root's sections have variables: deeper tables hold keys that the operator names.
        self.name
            .is_empty()
            .then(|| format!("{ENVIRONMENT_PREFIX}{}__", name.to_ascii_uppercase()))
    }

    fn variable(&self, key: &str) -> Option<(String, &'s str)> {
        let name = format!("{}{}", self.variable.as_ref()?, key.to_ascii_uppercase());
        let text = self.source.environment.get(&name)?;
        Some((name, text))
    }

    /// The names of all variables that mean this table.
    fn variables(&self) -> impl Iterator<Item = &'s String> {
        let prefix = self.variable.clone();
        self.source.environment.keys().filter(move |name| {
            prefix
                .as_ref()
                .is_some_and(|prefix| name.starts_with(prefix))
        })
    }

    fn key_of(&self, variable: &str) -> String {
        let prefix = self.variable.as_deref().unwrap_or("");
        let key = variable.strip_prefix(prefix).unwrap_or(variable);
        key.to_ascii_lowercase()
    }
}

impl<T> Located<T> {
    /// Something is wrong with `key` in the light of the rest.
    pub(super) fn fault(&self, key: &str, message: String) -> Fault {
        Fault {
            line: self.line,
            key: format!("{}.{key}", self.name),
            message,
        }
    }
}

/// An unknown key, with the known one that was probably meant.
pub(super) fn unknown(path: String, line: Option<usize>, key: &str, known: &[&str]) -> Fault {
    let likeness = |known: &&&str| (strsim::jaro_winkler(key, known) * 1000.0) as u32;
    let meant = known
        .iter()
        .max_by_key(likeness)
        .filter(|best| likeness(best) > LIKE_ENOUGH);
    let message = match meant {
        Some(meant) => format!("unknown key; did you mean \"{meant}\"?"),
        None => format!("unknown key; known are {}", known.join(", ")),
    };
    Fault {
        line,
        key: path,
        message,
    }
}

fn scalar<'s, T: Scalar>(value: &'s Spanned<DeValue<'s>>) -> Option<T> {
    match (T::FORM, value.get_ref()) {
        (Form::Text, DeValue::String(text)) => T::from_text(text),
        (Form::Boolean, DeValue::Boolean(on)) => T::from_text(if *on { "true" } else { "false" }),
        (Form::Integer, DeValue::Integer(number)) => {
            // Hexadecimal and the like are TOML too.
            let number = i64::from_str_radix(number.as_str(), number.radix()).ok()?;
            T::from_text(&number.to_string())
        }
        (Form::Text | Form::Boolean | Form::Integer, _) => None,
    }
}

/// Jaro-Winkler in thousandths; below it a suggestion puzzles more than it helps.
const LIKE_ENOUGH: u32 = 800;
