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
use tintype_imaging::limits::Limits;
use tintype_imaging::probe::{self, Header};
use tintype_imaging::sniff::{self, Kind};
use tintype_imaging::{cost, memory};
use tintype_store::{ETag, HexId, Key, Meta, Object, Store};
use tokio::sync::Semaphore;

use crate::error::{Code, Error};
use crate::record::{Image, Record, State};
use crate::spool::{HEAD_BYTES, Spooled};
use crate::workers::{self, Cost, Done, Pool, Priority, Shift};

/// Adopted originals are read whole to be hashed; a few at a time keep that from crowding out the
/// requests that are served from memory.
const ADOPTIONS_AT_ONCE: usize = 2;

/// The same for those that nobody waits for, which leave the others their places.
const BACKGROUND_ADOPTIONS_AT_ONCE: usize = 1;

/// Adopted originals up to this size are read whole on first use; of larger ones only the head.
pub const ADOPT_WHOLE_BYTES: u64 = 64 * 1024 * 1024;

/// How long the decoded facts (dominant colour, ThumbHash) may hold up an upload.
const LOOK_WITHIN: Duration = Duration::from_secs(3);

/// How long they may take where nobody waits, until the machine is less busy.
const LOOK_IN_BACKGROUND_WITHIN: Duration = Duration::from_secs(60);

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
    pub media_type: String,
    pub image: Option<Image>,
}

/// Where the bytes of an original are while it is being looked at.
pub enum Input {
    Spooled(Arc<Spooled>),
    Bytes(Bytes),
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

    /// Everything that the bytes tell. Never fails on account of the bytes: what cannot be read as a
    /// picture is stored all the same, and says so.
    pub async fn facts(
        &self,
        key: &Key,
        head: &[u8],
        size: u64,
        input: Input,
        priority: Priority,
    ) -> Facts {
        let sniffed = sniff::sniff(head);
        let media_type = media_type(head, key);
        if sniffed.kind != Kind::Picture {
            return Facts {
                media_type,
                image: None,
            };
        }
        Facts {
            media_type,
            image: self.picture(size, input, priority).await,
        }
    }

    /// The record of an original that has none. Small ones are hashed at once; larger ones later
    /// ([`Self::hash`]), and are delivered meanwhile without a version.
    pub async fn adopt(&self, key: &Key, meta: &Meta, priority: Priority) -> Result<Record, Error> {
        let adoptions = match priority {
            Priority::Request => &self.adoptions,
            Priority::Background => &self.background_adoptions,
        };
        let _turn = adoptions.acquire().await;
        let object = Object::Original(key.clone());
        let range = (meta.size > ADOPT_WHOLE_BYTES).then_some(0..HEAD_BYTES as u64);
        let whole = range.is_none();
        let got = self.store.get(&object, range, Some(&meta.etag)).await?;
        let got = got.ok_or_else(|| Error::new(Code::NotFound))?;
        let bytes = got.body.into_bytes(ADOPT_WHOLE_BYTES).await?;
        let known = meta.attributes.sha256.map(HexId);
        let sha256 = known.or_else(|| whole.then(|| HexId(Sha256::digest(&bytes).into())));
        let head = bytes.slice(..bytes.len().min(HEAD_BYTES));
        let input = Input::Bytes(bytes);
        let facts = self.facts(key, &head, meta.size, input, priority).await;
        let modified = Timestamp::try_from(meta.modified).unwrap_or(Timestamp::UNIX_EPOCH);
        Ok(Record {
            key: key.as_str().to_owned(),
            size: meta.size,
            etag: meta.etag.as_str().to_owned(),
            sha256: sha256.map(|hash| hash.to_string()),
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
        let mut body = got.ok_or_else(|| Error::new(Code::NotFound))?.body;
        let mut hash = Sha256::new();
        while let Some(chunk) = body.next().await {
            hash.update(&chunk?);
        }
        Ok(HexId::<32>(hash.finalize().into()).to_string())
    }

    /// `None` for what looks like a picture by its first bytes and cannot be read as one.
    async fn picture(&self, size: u64, input: Input, priority: Priority) -> Option<Image> {
        let input = Arc::new(input);
        let header = {
            let (input, limits) = (input.clone(), self.limits.clone());
            // A header is some kilobytes of parsing, and must not wait behind pixel work: an upload
            // is answered while the pool is full.
            #[expect(
                clippy::disallowed_methods,
                reason = "bounded header parsing, no pixels"
            )]
            let reading = tokio::task::spawn_blocking(move || input.header(&limits));
            reading
                .await
                .unwrap_or_else(|_| Err(tintype_imaging::Error::internal("header")))
        };
        let header = match header {
            Ok(header) => header,
            Err(error) => {
                tracing::debug!(%error, "a picture's header cannot be read");
                return None;
            }
        };
        let mut image = image_of(&header);
        if header.size.pixels() > self.limits.max_pixels
            || size > self.limits.max_file_bytes
            || !header.format.is_decodable()
        {
            image.renderable = false;
            return Some(image);
        }
        self.look(&mut image, header, size, input, priority).await;
        Some(image)
    }

    /// Fills in the decoded facts, or leaves them pending when the machine is busy.
    async fn look(
        &self,
        image: &mut Image,
        header: Header,
        size: u64,
        input: Arc<Input>,
        priority: Priority,
    ) {
        let source = cost::Source::of(&header, size);
        let cost = Cost {
            kind: workers::Kind::Look,
            time: cost::look(&source),
            bytes: memory::look(&source),
        };
        let within = match priority {
            Priority::Request => LOOK_WITHIN,
            Priority::Background => LOOK_IN_BACKGROUND_WITHIN,
        };
        let limits = self.limits.clone();
        let job = move |shift: &mut Shift| {
            let bytes = input.read()?;
            probe::look(&bytes, &header, &limits, shift.deadline)
        };
        let deadline = Instant::now() + within;
        match self.pool.run(priority, deadline, cost, job).await {
            Ok(Done {
                result: Ok(look), ..
            }) => {
                let [r, g, b] = look.dominant;
                image.dominant_colour = Some(format!("#{r:02x}{g:02x}{b:02x}"));
                let engine = base64::engine::general_purpose::STANDARD;
                image.thumbhash = Some(engine.encode(&look.thumbhash));
                image.alpha = look.has_alpha;
                image.drawn = Some(look.is_drawn);
                image.pending = false;
            }
            Ok(Done {
                result: Err(tintype_imaging::Error::DeadlineExceeded),
                ..
            })
            | Err(_) => {
                image.pending = true;
            }
            Ok(Done {
                result: Err(error), ..
            }) => {
                tracing::debug!(%error, "a picture cannot be decoded");
                image.renderable = false;
            }
        }
    }
}

impl Input {
    fn header(&self, limits: &Limits) -> Result<Header, tintype_imaging::Error> {
        match self {
            Self::Bytes(bytes) => probe::header(Cursor::new(bytes.as_ref()), limits),
            Self::Spooled(spooled) => probe::header(spooled.reader()?, limits),
        }
    }

    fn read(&self) -> std::io::Result<Bytes> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.clone()),
            Self::Spooled(spooled) => spooled.read(),
        }
    }
}

fn image_of(header: &Header) -> Image {
    let upright = header.upright();
    Image {
        format: header.format.to_string(),
        width: upright.width,
        height: upright.height,
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
        pending: false,
    }
}

/// The media type of an original. The content decides about pictures and about everything that a
/// browser would run; the extension only chooses among passive types, where the content says no
/// more than "text" or "zip".
pub fn media_type(head: &[u8], key: &Key) -> String {
    let sniffed = sniff::sniff(head);
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
