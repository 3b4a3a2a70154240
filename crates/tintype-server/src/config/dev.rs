//! What `serve --dev` fills in where nothing is set.

use std::path::PathBuf;

/// The token of `--dev`. It holds on loopback alone.
pub const DEV_TOKEN: &str = "dev";

#[derive(Clone, Debug, Default)]
pub struct Dev {
    /// Where originals are kept; `./media` by default.
    pub root: Option<PathBuf>,
    /// Also on addresses that others can reach, with this secret instead of [`DEV_TOKEN`].
    pub anywhere: Option<String>,
}
