//! Determines the media type of an original, and the facts about an image.

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
use tintype_imaging::cost::SourceImage;
use tintype_imaging::limits::Limits;
use tintype_imaging::placeholder::{self, Placeholder};
use tintype_imaging::probe::{self, Header, Rights, SetRights, SourceFormat, Stopped};
use tintype_imaging::sniff::{Sniffed, sniff};
use tintype_imaging::spec::Size;
use tintype_imaging::{cost, memory, render};
use tintype_store::{ContentHash, ETag, HexId, Key, Meta, Object, Store};
use tokio::sync::Semaphore;

use crate::error::{Code, Error};
use crate::originals::coding;
use crate::originals::spool::{HEAD_BYTES, Spooled};
use crate::records::media_type::MediaType;
use crate::records::record::{ADOPT_WHOLE_BYTES, Encoding, Image, Record, State, is_gzip};
use crate::records::stored_word::StoredWord;
use crate::workers::{self, Cost, JobContext, Pool, Priority, Refusal};

/// Adopted originals are read in full to be hashed; doing a few at a time keeps that from crowding out requests
/// that are served from memory.
const ADOPTIONS_AT_ONCE: usize = 2;

/// The limit in the background, which leaves the other places to requests.
const BACKGROUND_ADOPTIONS_AT_ONCE: usize = 1;

/// How long the facts of an image may hold up an upload: those of the header, and those of the pixels (dominant
/// colour, ThumbHash).
const WITHIN: Duration = Duration::from_secs(2);

/// CPU time of one thread that decoded facts may take while an upload, or the first request for an adopted image,
/// waits for them; if they take longer, they are added in the background.
const WHILE_WAITING: Duration = Duration::from_millis(8);

/// How long they may take in the background, including waits for a busy machine.
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
    pub media_type: MediaType,
    pub image: Option<Image>,
    pub rights: Option<Rights>,
}

/// Where the bytes of an original are while it is probed.
pub enum ProbeInput {
    Spooled(Arc<Spooled>),
    Bytes(Bytes),
    /// Only the beginning of an original of `size` bytes.
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

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns when probing an image again may find more than its record has; a time in the past means now.
    pub fn next_look(&self, record: &Record) -> Option<Timestamp> {
        record.next_look(&self.limits)
    }

    /// Returns everything that the bytes show. Never fails because of the bytes: a file that cannot be read as an
    /// image is stored all the same, with the reason. `before` is what was known of the same bytes.
    pub async fn facts(
        &self,
        sniffed: Sniffed,
        media_type: MediaType,
        input: ProbeInput,
        before: Option<&Image>,
        priority: Priority,
    ) -> Facts {
        let (image, rights) = match SourceFormat::of(sniffed.media_type) {
            Some(format) => {
                let (image, rights) = self.picture(format, input, before, priority).await;
                (Some(image), rights)
            }
            None => (None, None),
        };
        Facts {
            encoding: None,
            media_type,
            image,
            rights,
        }
    }

    /// Derives the record of an original that has none. Small originals are hashed at once; larger ones later
    /// ([`Self::hash`]), and are delivered without a version until then.
    ///
    /// `before` is what was known of the image, if these bytes were probed before.
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
        let known = meta.attributes.sha256;
        let sha256 = known.or_else(|| whole.then(|| HexId(Sha256::digest(&bytes).into())));
        let (encoding, bytes, whole) = unpacked(name, bytes, whole).await;
        let sniffed = sniff(&bytes);
        let media_type = MediaType::of(sniffed, key);
        let input = match whole {
            true => ProbeInput::Bytes(bytes),
            false => ProbeInput::Head {
                head: bytes,
                size: meta.size,
            },
        };
        let facts = self.facts(sniffed, media_type, input, before, priority);
        let facts = facts.await;
        let modified = Timestamp::try_from(meta.modified).unwrap_or(Timestamp::UNIX_EPOCH);
        Ok(Record {
            key: key.clone(),
            size: meta.size,
            etag: meta.etag.clone(),
            sha256,
            encoding,
            media_type: facts.media_type,
            created: modified,
            modified,
            image: facts.image,
            rights: facts.rights,
            set_rights: SetRights::default(),
            focal_point: None,
            crops: BTreeMap::new(),
            state: State::Public,
            meta: serde_json::Map::new(),
            purged: None,
        })
    }

    /// Returns the SHA-256 of one version of an original, read in chunks.
    pub async fn hash(&self, key: &Key, etag: &ETag) -> Result<ContentHash, Error> {
        let object = Object::Original(key.clone());
        let got = self.store.get(&object, None, Some(etag)).await?;
        let mut body = got.ok_or_else(|| Error::no_original(key))?.body;
        let mut hash = Sha256::new();
        while let Some(chunk) = body.next().await {
            hash.update(&chunk?);
        }
        Ok(HexId(hash.finalize().into()))
    }

    async fn picture(
        &self,
        format: SourceFormat,
        input: ProbeInput,
        before: Option<&Image>,
        priority: Priority,
    ) -> (Image, Option<Rights>) {
        let within = match priority {
            Priority::Request => WITHIN,
            Priority::Background => IN_BACKGROUND_WITHIN,
        };
        let deadline = Instant::now() + within;
        let input = Arc::new(input);
        let (header, walked) = match self.header(input.clone(), deadline).await {
            Ok(header) => (header, Ok(())),
            Err(Stopped { known, error }) => {
                let header = known.map_or_else(|| Header::of(format), |known| *known);
                (header, Err(error))
            }
        };
        let rights = Some(header.rights.clone()).filter(|rights| !rights.is_empty());
        let mut image = image_of(&header);
        image.truncated &= input.is_whole();
        let fits = || render::check_original(header.format, header.size, &self.limits);
        let readable = walked.and_then(|()| fits());
        if readable.is_ok() && priority == Priority::Request && is_left_for_later(&header, &input) {
            image.pending = true;
            return (image, rights);
        }
        let made = match readable {
            Ok(()) => {
                self.placeholder(header, input.clone(), priority, deadline)
                    .await
            }
            Err(error) => Err(error.into()),
        };
        match made {
            Ok(placeholder) => add_placeholder(&mut image, &placeholder),
            Err(Hindrance { error, is_lasting }) => {
                tracing::debug!(%error, is_lasting, "facts of an image are missing for now");
                // The rest of the file may be intact.
                if is_lasting && (input.is_whole() || error.code() != Code::CorruptImage) {
                    image.refuse(&error);
                } else {
                    image.postpone(&error, before);
                }
            }
        }
        (image, rights)
    }

    /// Reading a header is bounded work without pixels, and must not wait behind pixel work: uploads get their
    /// response while the pool is full.
    async fn header(&self, input: Arc<ProbeInput>, deadline: Instant) -> Result<Header, Stopped> {
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

    /// Decodes the facts that need pixels.
    async fn placeholder(
        &self,
        header: Header,
        input: Arc<ProbeInput>,
        priority: Priority,
        deadline: Instant,
    ) -> Result<Placeholder, Hindrance> {
        let source = SourceImage::of(&header, input.size());
        let cost = Cost {
            kind: workers::JobKind::Placeholder,
            time: cost::placeholder(&source),
            bytes: memory::placeholder(&source),
        };
        let limits = self.limits.clone();
        let job = move |shift: &mut JobContext| {
            let bytes = input.read()?;
            placeholder::make(&bytes, &header, &limits, shift.deadline)
        };
        let done = self.pool.run(priority, deadline, cost, job).await;
        done?.result.map_err(Hindrance::from)
    }
}

/// Returns the coding of an adopted original, and as much of its content as can be probed: all of it, or only its
/// beginning. If the bytes are not in the declared coding, there is none.
async fn unpacked(
    name: Option<String>,
    bytes: Bytes,
    whole: bool,
) -> (Option<Encoding>, Bytes, bool) {
    let Some(name) = name else {
        return (None, bytes, whole);
    };
    if !is_gzip(&name) {
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
    /// The bytes are the reason, and always will be.
    is_lasting: bool,
}

impl From<Imaging> for Hindrance {
    fn from(error: Imaging) -> Self {
        let is_lasting = match error {
            Imaging::Malformed(_)
            | Imaging::Unsupported(_)
            | Imaging::TooManyPixels { .. }
            | Imaging::OverLimit { .. } => true,
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

impl ProbeInput {
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

    /// Size of the whole original.
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

/// Returns whether decoding is left for later: a client is waiting for a response that needs no pixels, and decoding is
/// expensive. Until then a JPEG is known to be neither drawn nor transparent; of other formats, responses whose format
/// depends on that are cached for a minute only.
fn is_left_for_later(header: &Header, input: &ProbeInput) -> bool {
    // What is larger is only read in part later, which suffices for a JPEG.
    let can_wait = header.format == SourceFormat::Jpeg || input.size() <= ADOPT_WHOLE_BYTES;
    can_wait && cost::placeholder(&SourceImage::of(header, input.size())) > WHILE_WAITING
}

fn image_of(header: &Header) -> Image {
    let Size { width, height } = header.upright();
    let is_known = width > 0 && height > 0;
    Image {
        format: StoredWord::Known(header.format),
        width: is_known.then_some(width),
        height: is_known.then_some(height),
        orientation: header.orientation,
        frames: header.frames,
        alpha: header.has_alpha,
        colour_space: StoredWord::Known(header.colour_space),
        bits: header.bits,
        channels: Some(header.channels()),
        interlaced: Some(header.interlaced),
        dominant_colour: None,
        thumbhash: None,
        drawn: None,
        renderable: true,
        truncated: header.truncated,
        gain_map: header.has_gain_map,
        c2pa: header.has_c2pa,
        damaged: false,
        pending: false,
        reason: None,
    }
}

fn add_placeholder(image: &mut Image, placeholder: &Placeholder) {
    let [r, g, b] = placeholder.dominant;
    image.dominant_colour = Some(format!("#{r:02x}{g:02x}{b:02x}"));
    let engine = base64::engine::general_purpose::STANDARD;
    image.thumbhash = Some(engine.encode(&placeholder.thumbhash));
    image.alpha = placeholder.has_alpha;
    image.drawn = Some(placeholder.is_drawn);
    image.damaged = placeholder.is_damaged;
}
