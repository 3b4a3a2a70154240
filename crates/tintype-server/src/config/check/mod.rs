//! Checks of options against each other. A combination that cannot work is refused; one that works but is probably
//! not meant is a warning.

mod addresses;
mod places;
mod sizes;
mod times;
mod tokens;

use std::path::Path;

use super::Config;
use super::reader::OptionReader;

pub(super) use tokens::expired;

impl OptionReader {
    /// `file` is where the configuration was read.
    pub(super) fn check(&mut self, config: &Config, file: Option<&Path>, is_dev: bool) {
        self.check_reach(config, is_dev);
        self.check_places(config, file);
        self.check_spool(config);
        self.check_credentials(config);
        self.check_sizes(config);
        self.check_connections(config);
        self.check_times(config);
        self.check_patience(config);
        self.check_tokens(config);
    }
}
