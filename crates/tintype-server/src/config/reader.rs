//! Reads options and collects their problems.

use std::collections::BTreeMap;

use super::option::ConfigOption;
use super::problems::Problems;
use super::values::SettingMap;

pub(super) struct OptionReader {
    pub(super) values: SettingMap,
    pub(super) problems: Problems,
    /// AWS's own variables.
    pub(super) aws: BTreeMap<String, String>,
    is_whole: bool,
}

impl OptionReader {
    pub(super) fn new(
        values: SettingMap,
        aws: BTreeMap<String, String>,
        problems: Problems,
    ) -> Self {
        Self {
            values,
            problems,
            aws,
            is_whole: true,
        }
    }

    /// Whether no default had to replace an unreadable value.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Reads an option that has a default.
    pub(super) fn read<T>(
        &mut self,
        option: ConfigOption,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> T {
        let value = self.optional(option, &read);
        self.or_default(option, value, read)
    }

    /// If the value cannot be read, that is a problem, and the default stands in until all problems are reported.
    pub(super) fn or_default<T>(
        &mut self,
        option: ConfigOption,
        value: Option<T>,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> T {
        value.unwrap_or_else(|| {
            self.is_whole = false;
            read(option.default).expect("a default can be read, which a test tries")
        })
    }

    /// `None` if the option is neither set nor has a default, or if it cannot be read, which is then a problem.
    pub(super) fn optional<T>(
        &mut self,
        option: ConfigOption,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let value = read(&self.text(option)?);
        value
            .map_err(|reason| {
                let fix = "write it as `config/tintype.toml` shows";
                self.refuse(&[option], reason, fix);
            })
            .ok()
    }

    /// The text as written, or the default.
    pub(super) fn text(&self, option: ConfigOption) -> Option<String> {
        let set = self.values.get(option.name);
        let text = set.map_or(option.default, |value| &value.text);
        Some(text.to_owned()).filter(|text| !text.is_empty())
    }

    pub(super) fn is_configured(&self, option: ConfigOption) -> bool {
        self.values.contains_key(option.name)
    }

    /// The name under which the value was set; an option that is not set is named by its variable.
    pub(super) fn name(&self, option: ConfigOption) -> String {
        let value = self.values.get(option.name);
        value.map_or_else(|| option.variable(), |value| value.name.clone())
    }

    /// Adds an error. Of several options in conflict, the first one that is set is named.
    pub(super) fn refuse(
        &mut self,
        options: &[ConfigOption],
        reason: impl Into<String>,
        fix: impl Into<String>,
    ) {
        let name = self.name_of(options);
        self.problems.add(&name, reason, fix);
    }

    /// Does the same with a warning.
    pub(super) fn warn(
        &mut self,
        options: &[ConfigOption],
        reason: impl Into<String>,
        fix: impl Into<String>,
    ) {
        let name = self.name_of(options);
        self.problems.warn(&name, reason, fix);
    }

    fn name_of(&self, options: &[ConfigOption]) -> String {
        let written = options.iter().find(|option| self.is_configured(**option));
        self.name(*written.unwrap_or(&options[0]))
    }
}
