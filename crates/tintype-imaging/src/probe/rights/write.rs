//! Writes rights into variants.

use std::fmt::Write;

use quick_xml::escape::escape;

use super::{Rights, exif, iptc};

/// Limit on the packet. Fields that do not fit are omitted, starting with the last.
const MAX_XMP_BYTES: usize = 2_048;

/// Limit on a single text.
const MAX_FIELD_BYTES: usize = 500;

/// The same rights in the form that each container needs.
pub(crate) struct EncodedRights {
    /// From the byte order mark on.
    pub(crate) exif: Option<Vec<u8>>,
    /// Empty if there is none; so is `iptc`.
    pub(crate) xmp: Vec<u8>,
    /// A Photoshop resource.
    pub(crate) iptc: Vec<u8>,
}

impl Rights {
    /// Returns `None` if there is nothing to write.
    pub(crate) fn written(&self) -> Option<EncodedRights> {
        if self.is_empty() {
            return None;
        }
        let has_exif = !self.creators.is_empty() || self.notice.is_some();
        Some(EncodedRights {
            exif: has_exif.then(|| exif::write(&self.creators, self.notice.as_deref())),
            xmp: packet(self).into_bytes(),
            iptc: iptc::write(self),
        })
    }
}

const FRONT: &str = concat!(
    r#"<x:xmpmeta xmlns:x="adobe:ns:meta/">"#,
    r#"<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">"#,
    r#"<rdf:Description rdf:about="""#,
);
const BACK: &str = "</rdf:Description></rdf:RDF></x:xmpmeta>";

/// Declared only if used.
const NAMESPACES: [(&str, &str); 5] = [
    ("dc", "http://purl.org/dc/elements/1.1/"),
    ("xmpRights", "http://ns.adobe.com/xap/1.0/rights/"),
    ("photoshop", "http://ns.adobe.com/photoshop/1.0/"),
    ("plus", "http://ns.useplus.org/ldf/xmp/1.0/"),
    ("Iptc4xmpExt", "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"),
];

/// Returns the properties, in order of importance.
pub(in crate::probe) fn properties(rights: &Rights) -> Vec<String> {
    let list = |name: &str, kind: &str, items: &[String]| {
        let items: String = items
            .iter()
            .map(|item| format!("<rdf:li>{}</rdf:li>", short(item)))
            .collect();
        format!("<{name}><rdf:{kind}>{items}</rdf:{kind}></{name}>")
    };
    let default = |name: &str, text: &String| {
        let item = format!(r#"<rdf:li xml:lang="x-default">{}</rdf:li>"#, short(text));
        format!("<{name}><rdf:Alt>{item}</rdf:Alt></{name}>")
    };
    let plain = |name: &str, text: &String| format!("<{name}>{}</{name}>", short(text));
    let some = |items: &Vec<String>| (!items.is_empty()).then(|| items.clone());
    let licensor = || {
        let parts = [
            ("plus:LicensorURL", &rights.licensor_url),
            ("plus:LicensorName", &rights.licensor),
        ];
        let parts: String = parts
            .iter()
            .filter_map(|(name, text)| Some(plain(name, text.as_ref()?)))
            .collect();
        (!parts.is_empty()).then(|| {
            let item = format!(r#"<rdf:li rdf:parseType="Resource">{parts}</rdf:li>"#);
            format!("<plus:Licensor><rdf:Seq>{item}</rdf:Seq></plus:Licensor>")
        })
    };
    let properties = [
        some(&rights.creators).map(|items| list("dc:creator", "Seq", &items)),
        rights
            .notice
            .as_ref()
            .map(|text| default("dc:rights", text)),
        rights
            .web_statement
            .as_ref()
            .map(|text| plain("xmpRights:WebStatement", text)),
        licensor(),
        rights
            .credit
            .as_ref()
            .map(|text| plain("photoshop:Credit", text)),
        rights
            .digital_source_type
            .as_ref()
            .map(|text| plain("Iptc4xmpExt:DigitalSourceType", text)),
        rights.marked.map(|marked| {
            let marked = if marked { "True" } else { "False" };
            plain("xmpRights:Marked", &marked.to_owned())
        }),
        rights
            .source
            .as_ref()
            .map(|text| plain("photoshop:Source", text)),
        some(&rights.owners).map(|items| list("xmpRights:Owner", "Bag", &items)),
        rights
            .terms
            .as_ref()
            .map(|text| default("xmpRights:UsageTerms", text)),
    ];
    properties.into_iter().flatten().collect()
}

fn packet(rights: &Rights) -> String {
    let (mut names, mut body) = (String::new(), String::new());
    for field in properties(rights) {
        let used = NAMESPACES
            .iter()
            .filter(|(prefix, _)| field.starts_with(&format!("<{prefix}:")));
        let mut name = String::new();
        for (prefix, space) in used.filter(|(prefix, _)| !names.contains(&format!(":{prefix}="))) {
            let _ = write!(name, r#" xmlns:{prefix}="{space}""#);
        }
        let length = FRONT.len() + names.len() + 1 + body.len() + BACK.len();
        if length + name.len() + field.len() <= MAX_XMP_BYTES {
            names += &name;
            body += &field;
        }
    }
    format!("{FRONT}{names}>{body}{BACK}")
}

fn short(text: &str) -> String {
    escape(&text[..text.floor_char_boundary(MAX_FIELD_BYTES)]).into_owned()
}
