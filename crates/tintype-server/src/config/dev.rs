//! Defaults that `serve --dev` fills in for options that are not set.

use std::path::PathBuf;

/// The token of `--dev`. It is valid on loopback only.
pub const DEV_TOKEN: &str = "dev";

#[derive(Clone, Debug, Default)]
pub struct Dev {
    /// Folder of the originals; `./media` by default.
    pub root: Option<PathBuf>,
    /// Also allows non-loopback addresses, with this secret instead of [`DEV_TOKEN`].
    pub anywhere: Option<String>,
}
