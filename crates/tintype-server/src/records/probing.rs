//! What an original is: its media type, and the facts about a picture.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use bytes::Bytes;
use futures_util::StreamExt;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tintype_imaging::Error as Imaging;
use tintype_imaging::limits::Limits;
use tintype_imaging::probe::{self, Header, Look, SourceFormat, Stopped};
use tintype_imaging::sniff::{self, Kind};
use tintype_imaging::spec::Size;
use tintype_imaging::{cost, memory};
use tintype_store::{ETag, HexId, Key, Meta, Object, Store};
use tokio::sync::Semaphore;

use crate::error::{Code, Error};
use crate::originals::coding;
use crate::originals::spool::{HEAD_BYTES, Spooled};
use crate::records::record::{Encoding, Image, Record, State};
use crate::workers::{self, Cost, Pool, Priority, Refusal, Shift};

/// Adopted originals are read whole to be hashed; a few at a time keep that from crowding out the
/// requests that are served from memory.
const ADOPTIONS_AT_ONCE: usize = 2;

/// The same for those that nobody waits for, which leave the others their places.
const BACKGROUND_ADOPTIONS_AT_ONCE: usize = 1;

/// Adopted originals up to this size are read whole on first use; of larger ones only the head.
pub const ADOPT_WHOLE_BYTES: u64 = 64 * 1024 * 1024;

/// How long the facts of a picture may hold up an upload: what its header says, and what its pixels
/// (dominant colour, ThumbHash).
const WITHIN: Duration = Duration::from_secs(2);

/// How long they may take where nobody waits, until the machine is less busy.
const IN_BACKGROUND_WITHIN: Duration = Duration::from_secs(60);

pub struct Probing {
    store: Arc<Store>,
    pool: Arc<Pool>,
    limits: Limits,
    adoptions: Semaphore,
    background_adoptions: Semaphore,
}

/// The facts that come from the bytes alone.
#[derive(Clone, Debug)]
pub struct Facts {
    pub encoding: Option<Encoding>,
    pub media_type: String,
    pub image: Option<Image>,
}

/// Where the bytes of an original are while it is being looked at.
pub enum Input {
    Spooled(Arc<Spooled>),
    Bytes(Bytes),
    /// Of an original of `size` bytes only the first.
    Head {
        head: Bytes,
        size: u64,
    },
}

impl Probing {
    pub fn new(store: Arc<Store>, pool: Arc<Pool>, limits: Limits) -> Self {
        Self {
            store,
            pool,
            limits,
            adoptions: Semaphore::new(ADOPTIONS_AT_ONCE),
            background_adoptions: Semaphore::new(BACKGROUND_ADOPTIONS_AT_ONCE),
        }
    }

    pub fn max_pixels(&self) -> u64 {
        self.limits.max_pixels
    }

    /// When another look at a picture may tell more than its record knows, the past meaning now.
    pub fn next_look(&self, record: &Record) -> Option<Timestamp> {
        record.next_look(self.limits.max_pixels)
    }

    /// Everything that the bytes tell. Never fails on account of the bytes: what cannot be read as a
    /// picture is stored all the same, and says why. `before` is what was known of the same bytes.
    pub async fn facts(
        &self,
        key: &Key,
        head: &[u8],
        input: Input,
        before: Option<&Image>,
        priority: Priority,
    ) -> Facts {
        let format = SourceFormat::of(sniff::sniff(head).media_type);
        let image = match format {
            Some(format) => Some(self.picture(format, input, before, priority).await),
            None => None,
        };
        let media_type = media_type(head, key);
        Facts {
            encoding: None,
            media_type,
            image,
        }
    }

    /// The record of an original that has none. Small ones are hashed at once; larger ones later
    /// ([`Self::hash`]), and are delivered meanwhile without a version.
    ///
    /// `before` is what was known of the picture, if these bytes were looked at before.
    pub async fn adopt(
        &self,
        key: &Key,
        meta: &Meta,
        before: Option<&Image>,
        priority: Priority,
    ) -> Result<Record, Error> {
        let adoptions = match priority {
            Priority::Request => &self.adoptions,
            Priority::Background => &self.background_adoptions,
        };
        let _turn = adoptions.acquire().await;
        let object = Object::Original(key.clone());
        let range = (meta.size > ADOPT_WHOLE_BYTES).then_some(0..HEAD_BYTES as u64);
        let whole = range.is_none();
        let got = self.store.get(&object, range, Some(&meta.etag)).await?;
        let got = got.ok_or_else(|| Error::no_original(key))?;
        let name = got.meta.attributes.encoding;
        let bytes = got.body.into_bytes(ADOPT_WHOLE_BYTES).await?;
        let known = meta.attributes.sha256.map(HexId);
        let sha256 = known.or_else(|| whole.then(|| HexId(Sha256::digest(&bytes).into())));
        let (encoding, bytes, whole) = unpacked(name, bytes, whole).await;
        let head = bytes.slice(..bytes.len().min(HEAD_BYTES));
        let input = match whole {
            true => Input::Bytes(bytes),
            false => Input::Head {
                head: bytes,
                size: meta.size,
            },
        };
        let facts = self.facts(key, &head, input, before, priority).await;
        let modified = Timestamp::try_from(meta.modified).unwrap_or(Timestamp::UNIX_EPOCH);
        Ok(Record {
            key: key.as_str().to_owned(),
            size: meta.size,
            etag: meta.etag.as_str().to_owned(),
            sha256: sha256.map(|hash| hash.to_string()),
            encoding,
            media_type: facts.media_type,
            created: modified,
            modified,
            image: facts.image,
            focal_point: None,
            crops: BTreeMap::new(),
            state: State::Public,
            meta: serde_json::Map::new(),
            purged: None,
        })
    }

    /// SHA-256 of one version of an original, in hex, a chunk at a time.
    pub async fn hash(&self, key: &Key, etag: &ETag) -> Result<String, Error> {
        let object = Object::Original(key.clone());
        let got = self.store.get(&object, None, Some(etag)).await?;
        let mut body = got.ok_or_else(|| Error::no_original(key))?.body;
        let mut hash = Sha256::new();
        while let Some(chunk) = body.next().await {
            hash.update(&chunk?);
        }
        Ok(HexId::<32>(hash.finalize().into()).to_string())
    }

    async fn picture(
        &self,
        format: SourceFormat,
        input: Input,
        before: Option<&Image>,
        priority: Priority,
    ) -> Image {
        let within = match priority {
            Priority::Request => WITHIN,
            Priority::Background => IN_BACKGROUND_WITHIN,
        };
        let deadline = Instant::now() + within;
        let input = Arc::new(input);
        let (header, walked) = match self.header(input.clone(), deadline).await {
            Ok(header) => (header, Ok(())),
            Err(Stopped { known, error }) => {
                (known.unwrap_or_else(|| Header::of(format)), Err(error))
            }
        };
        let mut image = image_of(&header);
        image.truncated &= input.is_whole();
        let fits = || Imaging::check_pixels(header.size.pixels(), self.limits.max_pixels);
        let looked = match walked.and_then(|()| fits()) {
            Ok(()) => self.look(header, input.clone(), priority, deadline).await,
            Err(error) => Err(error.into()),
        };
        match looked {
            Ok(look) => tell(&mut image, &look),
            Err(Hindrance { error, is_lasting }) => {
                tracing::debug!(%error, is_lasting, "the facts of a picture are left out");
                // The rest of the file may be fine.
                if is_lasting && (input.is_whole() || error.code() != Code::CorruptImage) {
                    image.refuse(&error);
                } else {
                    image.postpone(&error, before);
                }
            }
        }
        image
    }

    /// Reading a header is bounded work without pixels, and must not wait behind those: an upload is
    /// answered while the pool is full.
    async fn header(&self, input: Arc<Input>, deadline: Instant) -> Result<Header, Stopped> {
        let (of, limits) = (input.clone(), self.limits.clone());
        #[expect(
            clippy::disallowed_methods,
            reason = "bounded header parsing, no pixels"
        )]
        let reading = tokio::task::spawn_blocking(move || of.header(&limits, deadline));
        reading.await.unwrap_or_else(|_| {
            let error = Imaging::unsupported("what its header says");
            Err(Stopped { error, known: None })
        })
    }

    /// The decoded facts.
    async fn look(
        &self,
        header: Header,
        input: Arc<Input>,
        priority: Priority,
        deadline: Instant,
    ) -> Result<Look, Hindrance> {
        let source = cost::Source::of(&header, input.size());
        let cost = Cost {
            kind: workers::Kind::Look,
            time: cost::look(&source),
            bytes: memory::look(&source),
        };
        let limits = self.limits.clone();
        let job = move |shift: &mut Shift| {
            let bytes = input.read()?;
            probe::look(&bytes, &header, &limits, shift.deadline)
        };
        let done = self.pool.run(priority, deadline, cost, job).await;
        done?.result.map_err(Hindrance::from)
    }
}

/// The coding of an adopted original, and what can be looked at of it: all of it, or only its beginning. One that
/// is not in the coding that is said of it has none.
async fn unpacked(
    name: Option<String>,
    bytes: Bytes,
    whole: bool,
) -> (Option<Encoding>, Bytes, bool) {
    let Some(name) = name else {
        return (None, bytes, whole);
    };
    if !coding::is_gzip(&name) {
        let decoded = None;
        return (Some(Encoding { name, decoded }), bytes, whole);
    }
    let Ok(unpacked) = coding::decode(bytes.clone(), ADOPT_WHOLE_BYTES).await else {
        return (None, bytes, whole);
    };
    let is_whole = whole && unpacked.is_whole;
    let decoded = is_whole.then_some(unpacked.bytes.len() as u64);
    (Some(Encoding { name, decoded }), unpacked.bytes, is_whole)
}

/// Why there are no decoded facts.
struct Hindrance {
    error: Error,
    /// The bytes are to blame, and will be again.
    is_lasting: bool,
}

impl From<Imaging> for Hindrance {
    fn from(error: Imaging) -> Self {
        let is_lasting = match error {
            Imaging::Malformed(_)
            | Imaging::Unsupported(_)
            | Imaging::TooManyPixels { .. }
            | Imaging::OverLimit { .. }
            | Imaging::NotYetSupported(_) => true,
            Imaging::DeadlineExceeded | Imaging::Internal(_) => false,
        };
        let error = Error::from(error);
        Self { error, is_lasting }
    }
}

impl From<Refusal> for Hindrance {
    fn from(refusal: Refusal) -> Self {
        let is_lasting = refusal == Refusal::Panicked;
        let error = Error::from(refusal);
        Self { error, is_lasting }
    }
}

impl Input {
    fn header(&self, limits: &Limits, deadline: Instant) -> Result<Header, Stopped> {
        match self {
            Self::Bytes(bytes) => probe::header(Cursor::new(bytes.as_ref()), limits, deadline),
            Self::Head { head, .. } => probe::header(Cursor::new(head.as_ref()), limits, deadline),
            Self::Spooled(spooled) => match spooled.reader() {
                Ok(reader) => probe::header(reader, limits, deadline),
                Err(error) => Err(Stopped {
                    error: error.into(),
                    known: None,
                }),
            },
        }
    }

    fn read(&self) -> std::io::Result<Bytes> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.clone()),
            Self::Head { head, .. } => Ok(head.clone()),
            Self::Spooled(spooled) => spooled.read(),
        }
    }

    /// Of all of it.
    fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Head { size, .. } => *size,
            Self::Spooled(spooled) => spooled.len(),
        }
    }

    fn is_whole(&self) -> bool {
        !matches!(self, Self::Head { .. })
    }
}

fn image_of(header: &Header) -> Image {
    let Size { width, height } = header.upright();
    let is_known = width > 0 && height > 0;
    Image {
        format: header.format.to_string(),
        width: is_known.then_some(width),
        height: is_known.then_some(height),
        orientation: header.orientation,
        frames: header.frames,
        alpha: header.has_alpha,
        colour_space: header.colour_space.to_string(),
        bits: header.bits,
        channels: Some(header.channels()),
        interlaced: Some(header.interlaced),
        dominant_colour: None,
        thumbhash: None,
        drawn: None,
        renderable: true,
        truncated: header.truncated,
        pending: false,
        reason: None,
    }
}

fn tell(image: &mut Image, look: &Look) {
    let [r, g, b] = look.dominant;
    image.dominant_colour = Some(format!("#{r:02x}{g:02x}{b:02x}"));
    let engine = base64::engine::general_purpose::STANDARD;
    image.thumbhash = Some(engine.encode(&look.thumbhash));
    image.alpha = look.has_alpha;
    image.drawn = Some(look.is_drawn);
}

/// The media type of an original. The content decides about pictures and about everything that a
/// browser would run; the extension only chooses among passive types, where the content says no
/// more than "text" or "zip".
pub fn media_type(head: &[u8], key: &Key) -> String {
    let sniffed = sniff::sniff(head);
    if let Some(refined) = refined(sniffed.media_type, key) {
        return refined.to_owned();
    }
    match sniffed.kind {
        Kind::Picture | Kind::Active | Kind::Passive => return sniffed.media_type.to_owned(),
        Kind::Unknown => {}
    }
    let guess = mime_guess::from_path(key.file_name()).first();
    let passive = guess.filter(|guess| {
        guess.type_() != mime_guess::mime::IMAGE && !is_active(guess.essence_str())
    });
    passive.map_or_else(
        || sniffed.media_type.to_owned(),
        |guess| guess.essence_str().to_owned(),
    )
}

/// What a name says more of a container than its content does, or better than the table of names:
/// which has no USDZ, takes every `.ts` for a stream, even TypeScript, and calls it by a name that
/// players do not know.
fn refined(media_type: &str, key: &Key) -> Option<&'static str> {
    let (_, extension) = key.file_name().rsplit_once('.')?;
    Some(match (media_type, &*extension.to_ascii_lowercase()) {
        ("application/zip", "usdz") => "model/vnd.usdz+zip",
        ("audio/ogg", "ogv") => "video/ogg",
        ("video/webm", "mkv" | "mk3d") => "video/x-matroska",
        ("video/webm", "weba") => "audio/webm",
        ("video/webm" | "video/x-matroska", "mka") => "audio/x-matroska",
        ("video/mp4", "m4a") => "audio/mp4",
        ("application/octet-stream", "ts" | "mts" | "m2ts") => "video/mp2t",
        ("text/plain", "ts" | "mts") => "text/plain",
        _ => return None,
    })
}

/// Whether a file of this name would be opened as something that runs script.
pub fn is_active_name(name: &str) -> bool {
    mime_guess::from_path(name).iter_raw().any(is_active)
}

/// Types that a browser may run script in. They are never served inline.
pub fn is_active(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.ends_with("+xml")
        || essence.contains("html")
        || essence.contains("javascript")
        || essence.contains("ecmascript")
        || matches!(
            essence,
            "text/xml" | "application/xml" | "application/x-shockwave-flash"
        )
}

#[cfg(test)]
mod tests {
    //! The content decides what a file is; where it names a container alone, the name says more.

    use super::*;

    #[test]
    fn a_name_tells_what_is_in_a_container_and_never_more_than_its_content_allows() {
        for (head, name, expected) in [
            (&b"\x1a\x45\xdf\xa3\0"[..], "a.mkv", "video/x-matroska"),
            (b"\x1a\x45\xdf\xa3\0", "a.webm", "video/webm"),
            (b"\x1a\x45\xdf\xa3\0", "a.MKA", "audio/x-matroska"),
            (b"OggS\0", "a.ogv", "video/ogg"),
            (b"OggS\0", "a.ogg", "audio/ogg"),
            (b"PK\x03\x04\0", "a.usdz", "model/vnd.usdz+zip"),
            (b"PK\x03\x04\0", "a.zip", "application/zip"),
            (b"\0\x01\x02", "a.ts", "video/mp2t"),
            (b"export const a: number = 1;", "a.ts", "text/plain"),
            (b"WEBVTT", "a.vtt", "text/vtt"),
            (b"%PDF-1.7", "a.ogv", "application/pdf"),
            (b"<html>", "a.mkv", "text/html"),
            (b"\xff\xd8\xff", "a.ts", "image/jpeg"),
        ] {
            let key = Key::parse(name).unwrap();
            assert_eq!(media_type(head, &key), expected, "{name}");
        }
    }
}
