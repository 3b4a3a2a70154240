//! The configuration of commands that maintain the service's own store.

use tintype_server::config::Config;
use tintype_store::StoreUrl;

use crate::commands::load_for_tools;
use crate::failure::Failure;

/// The configuration of the service, whose store must exist already: a command that was started in the wrong folder
/// must not create one, find it empty and succeed.
pub(crate) fn load() -> Result<Config, Failure> {
    let config = load_for_tools()?;
    if let StoreUrl::Disk(settings) = &config.stores.store
        && !settings.root.is_dir()
    {
        return Err(Failure::Usage(format!(
            "TINTYPE_STORE: {} is not a folder; set it to the store of the service",
            settings.root.display()
        )));
    }
    Ok(config)
}

/// Does the same for a command that changes something.
pub(crate) fn load_to_change() -> Result<Config, Failure> {
    let config = load()?;
    if config.stores.read_only {
        return Err(Failure::Usage(
            "TINTYPE_READ_ONLY: this command writes to the store; unset it to continue".to_owned(),
        ));
    }
    Ok(config)
}
