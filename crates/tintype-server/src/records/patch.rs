//! The editable fields of an original, and patches to them.
//!
//! The `Tintype-Record` header and the `record` field of an upload, and the body of a PATCH, all have the same form: a
//! JSON merge patch (RFC 7396) of these five members. What tintype derives itself (size, type, facts about the image)
//! cannot be changed, and is refused rather than ignored.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tintype_imaging::probe::SetRights;

use crate::error::{Code, Error};
use crate::records::blocks::Block;
use crate::records::record::{Area, Point, Record, State};

const MEMBERS: [&str; 5] = ["focal_point", "crops", "rights", "state", "meta"];

/// An image has a handful of named crops; the record is read on every request.
const MAX_CROPS: usize = 64;
const MAX_CROP_NAME_CHARS: usize = 64;
/// As JSON, in bytes.
const MAX_META_BYTES: usize = 64 * 1024;
const MAX_REASON_CHARS: usize = 1000;

/// A checked merge patch: an object with no members but the editable ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordPatch(Map<String, Value>);

/// The fields of a record that clients can edit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EditableFields {
    pub focal_point: Option<Point>,
    pub crops: BTreeMap<String, Area>,
    /// Overrides the rights in the file.
    pub rights: SetRights,
    pub state: RequestedState,
    pub meta: Map<String, Value>,
}

/// Like [`State`], but with the takedown, which is stored elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "lowercase", deny_unknown_fields)]
pub enum RequestedState {
    #[default]
    Public,
    Embargo {
        until: Timestamp,
    },
    Blocked {
        reason: String,
    },
}

impl RequestedState {
    pub fn is_blocked(&self) -> bool {
        matches!(self, Self::Blocked { .. })
    }
}

impl RecordPatch {
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        let value: Value = serde_json::from_slice(json)
            .map_err(|error| Error::invalid("record", format!("not JSON: {error}")))?;
        let Value::Object(members) = value else {
            return Err(Error::invalid("record", "must be a JSON object"));
        };
        if let Some(name) = members
            .keys()
            .find(|name| !MEMBERS.contains(&name.as_str()))
        {
            return Err(Error::invalid(
                name,
                "no such member, or it cannot be changed",
            ));
        }
        Ok(Self(members))
    }

    /// Returns whether the patch sets the state.
    pub fn has_state(&self) -> bool {
        self.0.contains_key("state")
    }

    /// Returns whether the patch takes the original down.
    pub fn is_of_block(&self) -> bool {
        let name = self.0.get("state").and_then(|state| state.get("name"));
        name.is_some_and(|name| name == "blocked")
    }

    pub fn apply(&self, said: &EditableFields) -> Result<EditableFields, Error> {
        let mut document = serde_json::to_value(said).map_err(|error| {
            Error::new(Code::Internal).cause(format!("editable fields of the record: {error}"))
        })?;
        let mut patch = self.0.clone();
        // Each state has its own members. A newly named state does not inherit those of the old one.
        let renamed = patch
            .get("state")
            .and_then(|state| state.get("name"))
            .is_some();
        if renamed {
            document["state"] = Value::Null;
        }
        // Resets the member; merging would only remove it.
        for name in MEMBERS {
            if patch.get(name).is_some_and(Value::is_null) {
                patch.remove(name);
                if let Some(members) = document.as_object_mut() {
                    members.remove(name);
                }
            }
        }
        merge(&mut document, Value::Object(patch));
        let Value::Object(document) = document else {
            return Err(Error::invalid("record", "must be a JSON object"));
        };
        typed(document)
    }
}

impl EditableFields {
    pub fn of(record: &Record, block: Option<&Block>) -> Self {
        let state = match (block, &record.state) {
            (Some(block), _) => RequestedState::Blocked {
                reason: block.reason.clone(),
            },
            (None, State::Public) => RequestedState::Public,
            (None, State::Embargo { until }) => RequestedState::Embargo { until: *until },
        };
        Self {
            focal_point: record.focal_point,
            crops: record.crops.clone(),
            rights: record.set_rights.clone(),
            state,
            meta: record.meta.clone(),
        }
    }
}

/// RFC 7396, section 2.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(members) = target else {
        return;
    };
    for (name, value) in patch {
        if value.is_null() {
            members.remove(&name);
        } else {
            merge(members.entry(name).or_insert(Value::Null), value);
        }
    }
}

/// Parses each member separately, so that the error names the one that is wrong.
fn typed(mut document: Map<String, Value>) -> Result<EditableFields, Error> {
    fn member<T: Default + for<'de> Deserialize<'de>>(
        document: &mut Map<String, Value>,
        name: &'static str,
    ) -> Result<T, Error> {
        let Some(value) = document.remove(name) else {
            return Ok(T::default());
        };
        serde_json::from_value(value).map_err(|error| Error::invalid(name, error.to_string()))
    }
    let said = EditableFields {
        focal_point: member(&mut document, "focal_point")?,
        crops: member(&mut document, "crops")?,
        rights: member(&mut document, "rights")?,
        state: member(&mut document, "state")?,
        meta: member(&mut document, "meta")?,
    };
    if said.crops.len() > MAX_CROPS {
        return Err(Error::invalid(
            "crops",
            format!("{} crops, limit is {MAX_CROPS}", said.crops.len()),
        ));
    }
    for (name, area) in &said.crops {
        let chars = name.chars().count();
        if !(1..=MAX_CROP_NAME_CHARS).contains(&chars) {
            let reason = format!("a crop's name must have 1 to {MAX_CROP_NAME_CHARS} characters");
            return Err(Error::invalid("crops", reason));
        }
        let (right, bottom) = (
            area.x.to_f64() + area.width.to_f64(),
            area.y.to_f64() + area.height.to_f64(),
        );
        // Fractions are kept in millionths; adding two of them may exceed 1 by less than that.
        let past = 1.000_000_5;
        if area.width.to_f64() <= 0.0
            || area.height.to_f64() <= 0.0
            || right > past
            || bottom > past
        {
            return Err(Error::invalid(
                "crops",
                format!("crop {name:?} is empty or outside the image"),
            ));
        }
    }
    let rights = said.rights.check();
    rights.map_err(|reason| Error::invalid("rights", reason))?;
    let meta_bytes = serde_json::to_vec(&said.meta).map_or(usize::MAX, |json| json.len());
    if meta_bytes > MAX_META_BYTES {
        return Err(Error::invalid(
            "meta",
            format!("{meta_bytes} bytes, limit is {MAX_META_BYTES}"),
        ));
    }
    if let RequestedState::Blocked { reason } = &said.state {
        let chars = reason.trim().chars().count();
        if !(1..=MAX_REASON_CHARS).contains(&chars) {
            let reason = format!("a block's reason must have 1 to {MAX_REASON_CHARS} characters");
            return Err(Error::invalid("state", reason));
        }
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn patch(value: Value) -> Result<RecordPatch, Code> {
        RecordPatch::parse(value.to_string().as_bytes()).map_err(|error| error.code())
    }

    fn apply(value: Value, said: &EditableFields) -> Result<EditableFields, Code> {
        patch(value)?.apply(said).map_err(|error| error.code())
    }

    #[track_caller]
    fn refused(value: Value) {
        assert_eq!(
            apply(value, &EditableFields::default()),
            Err(Code::InvalidRequest)
        );
    }

    /// The table of RFC 7396, appendix A.
    #[test]
    fn merging_follows_the_examples_of_the_rfc() {
        for (target, patch, result) in [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
            (json!({"a":"b"}), json!({"a":null}), json!({})),
            (
                json!({"a":"b","b":"c"}),
                json!({"a":null}),
                json!({"b":"c"}),
            ),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"c"}), json!({"a":["b"]}), json!({"a":["b"]})),
            (
                json!({"a":{"b":"c"}}),
                json!({"a":{"b":"d","c":null}}),
                json!({"a":{"b":"d"}}),
            ),
            (json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a":"b"}), json!(["c"]), json!(["c"])),
            (json!({"a":"foo"}), json!(null), json!(null)),
            (json!({"a":"foo"}), json!("bar"), json!("bar")),
            (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
            (json!([1, 2]), json!({"a":"b","c":null}), json!({"a":"b"})),
            (
                json!({}),
                json!({"a":{"bb":{"ccc":null}}}),
                json!({"a":{"bb":{}}}),
            ),
        ] {
            let mut merged = target;
            merge(&mut merged, patch);
            assert_eq!(merged, result);
        }
    }

    #[test]
    fn a_patch_changes_its_members_and_keeps_the_rest() {
        let said = apply(
            json!({"focal_point": {"x": 0.25, "y": 0.5}, "meta": {"credit": "A", "desk": "B"}}),
            &EditableFields::default(),
        )
        .unwrap();
        let changed = apply(
            json!({"focal_point": {"y": 1}, "meta": {"desk": null}}),
            &said,
        )
        .unwrap();
        assert_eq!(
            serde_json::to_value(&changed).unwrap(),
            json!({
                "focal_point": {"x": 0.25, "y": 1.0}, "crops": {}, "rights": {},
                "state": {"name": "public"}, "meta": {"credit": "A"},
            })
        );
        assert_eq!(
            apply(json!({"focal_point": null}), &said)
                .unwrap()
                .focal_point,
            None
        );
        assert_eq!(
            apply(json!({"meta": null}), &said).unwrap().meta,
            Map::new()
        );
        assert_eq!(apply(json!({}), &said).unwrap(), said);
    }

    #[test]
    fn rights_are_set_field_by_field_and_null_gives_back_what_the_file_says() {
        let set = json!({"rights": {"creators": ["A"], "credit": "Desk", "notice": ""}});
        let said = apply(set, &EditableFields::default()).unwrap();
        let said = apply(json!({"rights": {"credit": null, "marked": true}}), &said).unwrap();
        assert_eq!(
            serde_json::to_value(&said.rights).unwrap(),
            json!({"creators": ["A"], "notice": "", "marked": true})
        );
        let reset = apply(json!({"rights": null}), &said).unwrap();
        assert!(reset.rights.is_empty());
    }

    #[test]
    fn a_state_named_anew_does_not_inherit_the_members_of_the_old_one() {
        let embargo = apply(
            json!({"state": {"name": "embargo", "until": "2030-01-01T00:00:00Z"}}),
            &EditableFields::default(),
        )
        .unwrap();
        let public = apply(json!({"state": {"name": "public"}}), &embargo).unwrap();
        assert_eq!(public.state, RequestedState::Public);
        let reset = apply(json!({"state": null}), &embargo).unwrap();
        assert_eq!(reset.state, RequestedState::Public);
        let later = apply(
            json!({"state": {"until": "2031-01-01T00:00:00Z"}}),
            &embargo,
        )
        .unwrap();
        let until = "2031-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(later.state, RequestedState::Embargo { until });
    }

    #[test]
    fn unknown_malformed_or_out_of_range_members_are_refused() {
        assert_eq!(patch(json!([])), Err(Code::InvalidRequest));
        assert_eq!(patch(json!({"size": 1})), Err(Code::InvalidRequest));
        assert!(RecordPatch::parse(b"{").is_err());
        refused(json!({"focal_point": {"x": 1.5, "y": 0}}));
        refused(json!({"focal_point": {"x": 0.5}}));
        refused(json!({"focal_point": {"x": 0.5, "y": 0.5, "z": 0}}));
        refused(json!({"state": {"name": "secret"}}));
        refused(json!({"state": {"name": "embargo"}}));
        refused(json!({"state": {"name": "embargo", "until": "tomorrow"}}));
        refused(json!({"state": {"name": "blocked", "reason": " "}}));
        refused(json!({"rights": {"photographer": "A"}}));
        refused(json!({"rights": {"creators": "A"}}));
        refused(json!({"rights": {"credit": "x".repeat(2_001)}}));
        refused(json!({"rights": {"web_statement": "javascript:alert(1)"}}));
        refused(json!({"meta": []}));
        refused(json!({"meta": {"text": "x".repeat(65_536)}}));
        refused(json!({"crops": {"wide": {"x": 0.5, "y": 0, "width": 0.6, "height": 1}}}));
        refused(json!({"crops": {"none": {"x": 0.5, "y": 0, "width": 0, "height": 1}}}));
        refused(json!({"crops": {"": {"x": 0, "y": 0, "width": 1, "height": 1}}}));
        let area = json!({"x": 0, "y": 0, "width": 1, "height": 1});
        let many: Map<_, _> = (0..65).map(|n| (n.to_string(), area.clone())).collect();
        refused(json!({"crops": many}));
        let thirds = json!({"x": 0.333333, "y": 0, "width": 0.666667, "height": 1});
        assert!(
            apply(
                json!({"crops": {"right": thirds}}),
                &EditableFields::default()
            )
            .is_ok()
        );
    }
}
