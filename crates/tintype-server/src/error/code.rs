//! The frozen vocabulary of refusals: a code once published keeps its meaning and its status. None is without its
//! cause and its cure, which the reference shows ([`crate::docs`]).

use http::StatusCode;

/// Whether the same request may succeed later without anybody changing it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    Yes,
    No,
}

/// All that there is to say of a code.
struct Row {
    status: u16,
    text: &'static str,
    again: Again,
    title: &'static str,
    cause: &'static str,
    cure: &'static str,
}

/// One row per code, so that nothing about it is written twice.
macro_rules! codes {
    ($(
        $(#[$attribute:meta])*
        $name:ident = $status:literal $text:literal, $again:ident, $title:literal,
        cause $cause:literal,
        cure $cure:literal;
    )+) => {
        /// What went wrong, in a word that clients may branch on. New codes may join; none is
        /// renamed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$attribute])* $name,)+
        }

        impl Code {
            /// Every code, for documents and for tests.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            const fn row(self) -> Row {
                match self {
                    $(Self::$name => Row {
                        status: $status,
                        text: $text,
                        again: Again::$again,
                        title: $title,
                        cause: $cause,
                        cure: $cure,
                    },)+
                }
            }
        }
    };
}

codes! {
    InvalidRequest = 400 "invalid-request", No, "the request is not understood",
        cause "A body, header, query parameter or form field is malformed or of the wrong type, a JSON body has a \
               member that is not known, or the body ended before its declared length.",
        cure "Compare the request with the operation's description. `field` names the part that is meant; a body \
              that broke off may be sent again.";
    InvalidKey = 400 "invalid-key", No, "the key breaks a rule for names",
        cause "The key has an empty, `.` or `..` segment, a control character, a backslash or a slash at an end, is \
               under `.tintype/`, or is not UTF-8 percent-encoded once.",
        cure "Choose another name: keys are refused and never repaired. A slash between segments stays as it is, \
              everything else outside of `A-Z a-z 0-9 - . _ ~` is percent-encoded once.";
    InvalidSpec = 400 "invalid-spec", No, "the spec is not understood",
        cause "The last segment of the address is missing or is no spec: an item is unknown, repeated, malformed, \
               out of its range or in contradiction to another, a preset is not configured, or the crop lies outside \
               this picture.",
        cure "`item` names what is wrong and `detail` what is allowed. Every item with its range is under URLs.";
    NameTooLong = 400 "name-too-long", No, "the name is too long",
        cause "The key has more than 900 bytes, or a segment more than 255, or it is longer than the `max_length` of \
               the request, or than the file system takes.",
        cure "Shorten the name. `on_conflict=rename` with `max_length` has the server cut it, as long as something \
              of the root remains.";
    // The bytes were damaged on their way, so sending them again is the cure.
    DigestMismatch = 400 "digest-mismatch", Yes, "the bytes are not those of the digest",
        cause "A checksum that came with the upload (`Content-Digest`, `Repr-Digest`, `Content-MD5`) is not that of \
               the bytes that arrived. Nothing was stored.",
        cure "Send the file again. If that ends alike, the client hashes something else than what it sends, such as \
              the file before it was compressed.";
    Unauthorized = 401 "unauthorized", No, "a token is needed",
        cause "The API was asked without an `Authorization` header.",
        cure "Send `Authorization: Bearer tt_…`. `tintype token new` makes a token; with `tintype serve --dev` it is \
              `dev`.";
    TokenInvalid = 401 "token-invalid", No, "the token is not valid",
        cause "The header is no bearer token, or the service does not know the token: it is misspelt, was taken from \
               `TINTYPE_TOKENS`, or is of another deployment. `dev` holds only with `--dev` on loopback.",
        cure "Compare the token's id with those in `TINTYPE_TOKENS`. What the service keeps is the hash of the \
              secret, so a lost one has to be replaced: `tintype token new`.";
    TokenExpired = 401 "token-expired", No, "the token has expired",
        cause "The token was good until the time at its end in `TINTYPE_TOKENS`.",
        cure "Make a new one with `tintype token new`. Two may hold at the same time, so the client can change over \
              without a gap.";
    ScopeMissing = 403 "scope-missing", No, "the token does not allow this",
        cause "The token is valid, and not for this: it lacks the scope of the operation, which `scope` names, or \
               the key is outside of its prefixes. A batch may be refused for one of its keys.",
        cure "Use a token with that scope and prefix: `tintype token new --scopes …`. Overwriting needs `replace` \
              besides `write`, blocking `takedown`.";
    TicketInvalid = 403 "ticket-invalid", No, "the ticket is not valid for this",
        cause "Reserved for tickets of direct uploads, which this release does not take.",
        cure "Upload with a token, through a server of yours.";
    SignatureMissing = 403 "signature-missing", No, "the address must be signed",
        cause "The site delivers this only by signed address: `TINTYPE_UNSIGNED` is `none`, or is `presets` and this \
               is more than a preset with `dpr`, `v` and an image format; or it is an original and \
               `TINTYPE_ORIGINALS` is `signed`; or an unsigned `dpr` is not 1, 1.5, 2 or 3.",
        cure "Sign the address (`tintype url KEY SPEC`, or a client library), or ask for a preset. For development, \
              `tintype serve --dev` takes everything unsigned.";
    SignatureInvalid = 403 "signature-invalid", No, "the signature is wrong",
        cause "The signature is not that of this key and spec under any signing key of the site: another key or \
               another site's, a spec changed after signing, or a name that was signed percent-encoded.",
        cure "Sign `t/{key}/{spec}` with the name unescaped and the spec exactly as it stands in the address. \
              `tintype url` shows what is expected. Without signing keys no signature is right: leave it out.";
    SignatureExpired = 403 "signature-expired", No, "the address has expired",
        cause "The address has `exp`, and that moment is over.",
        cure "Make a new address. If all fail at once, compare the clocks.";
    ReadOnly = 403 "read-only", No, "this service changes nothing",
        cause "The service runs with `TINTYPE_READ_ONLY`, so its API refuses every change.",
        cure "Ask the service that may write, or take the option away.";
    NotFound = 404 "not-found", No, "there is no such thing",
        cause "There is no original under this key, it is under embargo, or the path is none of the service's.",
        cure "Compare the key with what the upload answered: a taken name gets another one with \
              `on_conflict=rename`. Keys know upper and lower case, and the spec is a segment of its own behind the \
              key.";
    // Of an address of a former server. The original may be there.
    NotMapped = 404 "not-mapped", No, "the old address cannot be mapped",
        cause "The address belongs to a grammar of `old_urls`, and cannot be read as a picture here: an option, a \
               filter or a source that this service has no equal of. `detail` says which.",
        cure "`tintype check-urls` tells this of a whole access log. A `pattern`, `sources` or `words` in the \
              configuration maps more; `deploy/old-urls.md` has examples.";
    MethodNotAllowed = 405 "method-not-allowed", No, "the method is not allowed here",
        cause "The path is right and the method is not, such as a POST to a picture.",
        cure "Use one of the methods in the `Allow` header or, of the API, in its description.";
    RequestTimeout = 408 "request-timeout", Yes, "the request arrived too slowly",
        cause "The body stopped arriving, or came in more slowly than `TINTYPE_BODY_MIN_RATE` for longer than \
               `TINTYPE_BODY_TIMEOUT`. Nothing was stored.",
        cure "Send it again. Where clients are on bad lines, give them a longer timeout.";
    KeyExists = 409 "key-exists", No, "the key is taken",
        cause "An original, or a folder, has the name already, and the upload was not to overwrite it \
               (`on_conflict=fail`, the default). With `rename` no free name was found in many attempts.",
        cure "Say `on_conflict=rename` to get a free name in the answer, `overwrite` to replace, or choose another \
              key.";
    ParentNotDirectory = 409 "parent-not-directory", No, "a file has the name of a folder",
        cause "A part of the key is the name of a file: `a.jpg/b.jpg` cannot be where `a.jpg` is. `parent` names it.",
        cure "Choose another key, or move the file that is in the way.";
    OffsetMismatch = 409 "offset-mismatch", No, "the upload is at another offset",
        cause "Reserved for uploads in parts, which this release does not take.",
        cure "Upload the file in one request.";
    Conflict = 409 "conflict", Yes, "somebody else changed this at the same time",
        cause "Others changed the same original or record again and again while this request tried to.",
        cure "Send it again. If it happens often, too many writers share one key.";
    Gone = 410 "gone", No, "addresses of this kind are no longer answered",
        cause "The address is of a former server, and the `until` of its grammar in `old_urls` is over.",
        cure "Use the address that this service has for the picture; or move the date, if old articles are still \
              read.";
    UploadExpired = 410 "upload-expired", No, "the upload has expired",
        cause "Reserved for uploads in parts, which this release does not take.",
        cure "Upload the file in one request.";
    PreconditionFailed = 412 "precondition-failed", No, "a precondition does not hold",
        cause "`If-Match` names a version that the original or record is not in, or `If-None-Match: *` met an \
               original: somebody else was faster.",
        cure "Read it again, decide with what is there now, and send the change with the new ETag.";
    TooLarge = 413 "too-large", No, "the content is too large",
        cause "The file is larger than `TINTYPE_MAX_UPLOAD_BYTES`, or than all of `TINTYPE_SPOOL_BYTES`; or a JSON \
               body, a form field or `meta` is over its limit. `limit` has the number of bytes.",
        cure "Send less, or raise the limit. A proxy in front may have one of its own, which would answer without a \
              code.";
    UnsupportedMediaType = 415 "unsupported-media-type", No, "the content type is not understood",
        cause "The body is not of the kind that the operation takes: JSON, a merge patch, or a form.",
        cure "Set `Content-Type` as the operation's description has it. A file alone is sent by PUT, with any type.";
    TypeNotAllowed = 415 "type-not-allowed", No, "the type of the file is not allowed",
        cause "The content of the file, not its name, is of a type that `TINTYPE_ALLOW_TYPES` leaves out. \
               `media_type` names it.",
        cure "Send another file, or add the type to the option. `GET /api/v1/limits` tells a client beforehand.";
    RangeNotSatisfiable = 416 "range-not-satisfiable", No, "the range is outside the content",
        cause "The `Range` begins behind the end of the file. `Content-Range` and `length` say how long it is.",
        cure "Ask within that length. If the file has become shorter, forget the parts from before.";
    IdempotencyMismatch = 422 "idempotency-mismatch", No, "the idempotency key was used for something else",
        cause "The `Idempotency-Key` has been used for another request: other bytes, another key or other \
               parameters.",
        cure "Take a new key for each new request, such as a UUID, and the old one only to repeat the very same.";
    UnsupportedFormat = 422 "unsupported-format", No, "no picture can be made from this",
        cause "The original is no picture, or of a kind that is stored and not decoded, such as EXR, DDS or \
               a camera's raw file, or of a rare variety of a kind that is. The original itself is kept and delivered.",
        cure "Upload it as JPEG, PNG, WebP, AVIF, HEIC, GIF, BMP or TIFF, or link to the original. `renderable` in the answer to \
              the upload tells it at once.";
    CorruptImage = 422 "corrupt-image", No, "the picture is damaged",
        cause "The bytes begin as a picture and go on as none: cut, overwritten, or damaged on their way to here.",
        cure "Upload it again from its source. One that only lacks its end is shown as far as it goes, and is not \
              refused.";
    TooManyPixels = 422 "too-many-pixels", No, "the picture has too many pixels",
        cause "The picture has more pixels than `TINTYPE_MAX_PIXELS`. It is kept and delivered as it is. `limit` has \
               the number.",
        cure "Upload a smaller one, or raise the option along with the memory; then the picture is shown without \
              another upload.";
    TooComplex = 422 "too-complex", No, "the picture takes too much work",
        cause "The file exceeds a limit against files that are made to hurt: frames, scans, chunks, metadata, the \
               side of a picture, or what its format can hold. `limit_of` names it and `limit` has the number.",
        cure "Save the picture anew in an image editor, which leaves most of that out; or ask for a smaller answer, \
              or for another format, where it is the answer that is too large.";
    // Of the picture nothing is wrong: a service with more memory renders it.
    ExceedsMemory = 422 "exceeds-memory", No, "the picture takes more memory than this service has",
        cause "Making this answer takes more memory than this process may ever use for pictures \
               (`TINTYPE_MEMORY_BUDGET`, less the hot cache and connections). With the picture nothing is wrong.",
        cure "Give the service more memory; `tintype config` says how large pictures may be for what it has. A \
              smaller answer, or another format of the original, may fit.";
    Blocked = 451 "blocked", No, "this was taken down",
        cause "The original was taken down, by its key or by its content, with the reason that `detail` gives. The \
               block outlives deletion and another upload of the same bytes.",
        cure "Whoever has the scope `takedown` can lift it, by a PATCH of the record to the state `public`. For \
              everybody else it is final.";
    Internal = 500 "internal", No, "something is wrong with the service",
        cause "A fault of the service itself.",
        cure "The log has the cause under the request id, which the answer has as `instance`. Please report it.";
    NotYetSupported = 501 "not-yet-supported", No, "this is not supported yet",
        cause "The address is right, and asks for what this release does not do: `g_smart`, `trim` \
               or `meta_keep`. `item` names it.",
        cure "Leave the item out, or name another word for it.";
    // Of a gateway: what is behind this service does not do what it has to.
    StoreRefused = 502 "store-refused", No, "the store refuses this",
        cause "The bucket or the file system refuses an operation for good: rights are missing, an encryption key \
               cannot be used, the bucket is not there.",
        cure "Read the store's own words, which are in the log and, for requests with a token, in `reason`. The \
              policy that the service needs is in `deploy/ecs/tintype.yaml`. Trying again does not help.";
    OriginalArchived = 502 "original-archived", No, "the original has to be restored from an archive",
        cause "The object is in a storage class that cannot be read at once, such as GLACIER or DEEP_ARCHIVE.",
        cure "Restore it in S3, and keep lifecycle rules for originals to classes that can be read at once \
              (`GLACIER_IR` can). Variants that were made before are served meanwhile.";
    Overloaded = 503 "overloaded", Yes, "too much is asked at once",
        cause "The queue of pixel work is full, the wait in it would be longer than `TINTYPE_QUEUE_WAIT`, or there \
               are too many connections. It is refused at once rather than made to wait.",
        cure "Wait as `Retry-After` says and try again. If it lasts, add processes or threads; `tintype_shed_total` \
              counts by reason.";
    DeadlineExceeded = 503 "deadline-exceeded", Yes, "this took too long",
        cause "The picture was not done within `TINTYPE_RENDER_DEADLINE`, waiting included.",
        cure "Try again: it may have waited for others. A picture that never makes it is too large for this machine \
              in this format: ask for `f_webp` or `f_jpeg`, or raise the deadline.";
    OriginalChanging = 503 "original-changing", Yes, "the original is being changed",
        cause "Another program was writing to the original in place each time that it was read.",
        cure "Ask again in a moment. Have that program write another file and rename it, so that readers see the old \
              one or the new one.";
    // 503, because it is nobody's mistake who asks, and never "public"; an operator mends it.
    RecordDamaged = 503 "record-damaged", No, "the record of the original cannot be read",
        cause "What is known of the original cannot be read, so nobody can say whether it is public. The original \
               itself may be whole. `record` names the place.",
        cure "`tintype index` makes damaged records anew, and so does an overwrite of the original. `tintype verify` \
              finds others.";
    SpoolUnavailable = 503 "spool-unavailable", Yes, "uploads cannot be taken in",
        cause "The folder in which uploads wait until they are whole cannot be written to.",
        cure "Look at `/readyz` and the log, which name the folder: `TINTYPE_SPOOL_DIR`, or the store's own. \
              Downloads are not affected.";
    StoreUnavailable = 503 "store-unavailable", Yes, "the store does not answer",
        cause "The bucket or the disk gives no answer, or the service is starting and waits for it. What is in \
               memory is served all the same.",
        cure "Try again as `Retry-After` says. `/readyz` and the log have the reason.";
    InsufficientStorage = 507 "insufficient-storage", Yes, "there is no space left",
        cause "The spool has no room for the upload, because `TINTYPE_SPOOL_BYTES` are promised to others or the \
               disk is full; or the store itself is full.",
        cure "Wait until other uploads are done, as `Retry-After` says, or make room. `tintype_spool_bytes` and \
              `tintype_disk_free_bytes` tell which it is.";
}

impl Code {
    /// The code of this name, as [`Self::as_str`] gives it.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }

    pub fn as_str(self) -> &'static str {
        self.row().text
    }

    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.row().status).expect("the table holds valid statuses")
    }

    pub fn title(self) -> &'static str {
        self.row().title
    }

    /// For documents: how it comes to this, in sentences with names of options and fields in backticks.
    pub fn cause(self) -> &'static str {
        self.row().cause
    }

    /// The same: what to do about it.
    pub fn cure(self) -> &'static str {
        self.row().cure
    }

    pub fn retryable(self) -> bool {
        self.row().again == Again::Yes
    }

    /// An identifier, not an address: it never resolves, so it never breaks.
    pub fn type_uri(self) -> String {
        format!("urn:tintype:problem:{}", self.as_str())
    }
}
