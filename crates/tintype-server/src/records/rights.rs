//! Who made a picture, who owns it, and on what terms it may be used: as its bytes say.

use serde::{Deserialize, Serialize};
use tintype_imaging::probe;

/// As [`probe::Rights`]; what is not known is null.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rights {
    pub creators: Vec<String>,
    pub notice: Option<String>,
    pub credit: Option<String>,
    pub source: Option<String>,
    pub marked: Option<bool>,
    pub owners: Vec<String>,
    pub terms: Option<String>,
    pub web_statement: Option<String>,
    pub licensor: Option<String>,
    pub licensor_url: Option<String>,
    pub digital_source_type: Option<String>,
}

impl Rights {
    /// `None` where nothing is known.
    pub fn of(rights: probe::Rights) -> Option<Self> {
        if rights.is_empty() {
            return None;
        }
        let probe::Rights {
            creators,
            notice,
            credit,
            source,
            marked,
            owners,
            terms,
            web_statement,
            licensor,
            licensor_url,
            digital_source_type,
        } = rights;
        Some(Self {
            creators,
            notice,
            credit,
            source,
            marked,
            owners,
            terms,
            web_statement,
            licensor,
            licensor_url,
            digital_source_type,
        })
    }
}
