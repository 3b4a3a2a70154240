//! Error codes, which are frozen: a published code keeps its meaning and its status. Each has a cause and a cure,
//! which the reference shows ([`crate::docs`]).

use http::StatusCode;

/// Whether the same request may succeed later without anybody changing it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    Yes,
    No,
}

/// The definition of a code.
struct CodeRow {
    status: u16,
    text: &'static str,
    again: Again,
    title: &'static str,
    cause: &'static str,
    cure: &'static str,
}

/// One row per code, so that each fact about it is written once.
macro_rules! codes {
    ($(
        $(#[$attribute:meta])*
        $name:ident = $status:literal $text:literal, $again:ident, $title:literal,
        cause $cause:literal,
        cure $cure:literal;
    )+) => {
        /// What went wrong, in a word that clients may branch on. New codes may be added; none is renamed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$attribute])* $name,)+
        }

        impl Code {
            /// Every code, for the reference and for tests.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            const fn row(self) -> CodeRow {
                match self {
                    $(Self::$name => CodeRow {
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
    InvalidRequest = 400 "invalid-request", No, "the request is malformed",
        cause "A body, header, query parameter or form field is malformed or of the wrong type, a JSON body has an \
               unknown member, or the body ended before its declared length.",
        cure "Compare the request with the operation's description. `field` names the part at fault; a body that \
              was cut off may be sent again.";
    InvalidKey = 400 "invalid-key", No, "the key is invalid",
        cause "The key has an empty, `.` or `..` segment, a control character, a backslash, or a slash at an end, \
               is under `.tintype/`, or is not UTF-8 percent-encoded once.",
        cure "Choose another name: keys are refused and never repaired. Slashes between segments stay as they are; \
              everything else outside of `A-Z a-z 0-9 - . _ ~` is percent-encoded once.";
    InvalidSpec = 400 "invalid-spec", No, "the spec is invalid",
        cause "The last segment of the URL is missing or is not a spec: an item is unknown, repeated, malformed, \
               out of range or in contradiction to another, a preset is not configured, or the crop lies outside \
               this image.",
        cure "`item` names the item at fault and `detail` says what is allowed. Every item with its range is under \
              URLs.";
    NameTooLong = 400 "name-too-long", No, "the name is too long",
        cause "The key has more than 900 bytes, or a segment more than 255, or it is longer than the `max_length` \
               of the request or than the file system allows.",
        cure "Shorten the name. With `on_conflict=rename` and `max_length` the server shortens it, as long as \
              something of the file name remains.";
    // The bytes were damaged in transit, so sending them again helps.
    DigestMismatch = 400 "digest-mismatch", Yes, "the bytes do not match the digest",
        cause "A checksum sent with the upload (`Content-Digest`, `Repr-Digest`, `Content-MD5`) does not match the \
               bytes that arrived. Nothing was stored.",
        cure "Send the file again. If it fails again, the client hashes something else than it sends, such as the \
              file before compression.";
    Unauthorized = 401 "unauthorized", No, "a token is required",
        cause "The request to the API had no `Authorization` header.",
        cure "Send `Authorization: Bearer tt_…`. `tintype token new` makes a token; with `tintype serve --dev` it \
              is `dev`.";
    TokenInvalid = 401 "token-invalid", No, "the token is invalid",
        cause "The header has no bearer token, or the service does not know the token: it is misspelt, was removed \
               from `TINTYPE_TOKENS`, or belongs to another deployment. `dev` is valid only with `--dev` on \
               loopback.",
        cure "Compare the token's id with those in `TINTYPE_TOKENS`. The service keeps only a hash of the secret, \
              so a lost one has to be replaced: `tintype token new`.";
    TokenExpired = 401 "token-expired", No, "the token has expired",
        cause "The token was valid until the expiry at its end in `TINTYPE_TOKENS`.",
        cure "Make a new one with `tintype token new`. Two may be valid at the same time, so that the client can \
              switch without a gap.";
    ScopeMissing = 403 "scope-missing", No, "the token does not allow this",
        cause "The token is valid, but not for this: it lacks the scope of the operation, which `scope` names, or \
               the key is outside its prefixes. A batch may be refused because of one of its keys.",
        cure "Use a token with that scope and prefix: `tintype token new --scopes …`. Overwriting needs `replace` \
              besides `write`; blocking needs `takedown`.";
    TicketInvalid = 403 "ticket-invalid", No, "the ticket is not valid for this",
        cause "Reserved for tickets of direct uploads, which this release does not support.",
        cure "Upload with a token, through your own server.";
    SignatureMissing = 403 "signature-missing", No, "the URL must be signed",
        cause "The site delivers this only with a signature: `TINTYPE_UNSIGNED` is `none`, or is `presets` and \
               this is more than a preset with `dpr`, `v` and an image format; or it is an original and \
               `TINTYPE_ORIGINALS` is `signed`; or an unsigned `dpr` is not 1, 1.5, 2 or 3.",
        cure "Sign the URL (`tintype url KEY SPEC`, or a client library), or use a preset. For development, \
              `tintype serve --dev` accepts everything unsigned.";
    SignatureInvalid = 403 "signature-invalid", No, "the signature is wrong",
        cause "None of the site's signing keys made this signature for this key and spec: it was made with another \
               key or for another site, the spec was changed after signing, or the name was signed \
               percent-encoded.",
        cure "Sign `t/{key}/{spec}` with the name decoded and the spec exactly as it is in the URL. `tintype url` \
              shows what is expected. Without signing keys no signature is right: leave it out.";
    SignatureExpired = 403 "signature-expired", No, "the URL has expired",
        cause "The time in the URL's `exp` has passed.",
        cure "Make a new URL. If all fail at once, compare the clocks.";
    ReadOnly = 403 "read-only", No, "this service is read-only",
        cause "The service runs with `TINTYPE_READ_ONLY`, so its API refuses every change.",
        cure "Send the request to the service that may write, or remove the option.";
    NotFound = 404 "not-found", No, "not found",
        cause "There is no original under this key, it is under embargo, or the service has no such path.",
        cure "Compare the key with the response to the upload: with `on_conflict=rename` it may differ from the \
              requested one. Keys are case-sensitive, and the spec is a separate segment after the key.";
    // For a URL of a former server. The original may exist.
    NotMapped = 404 "not-mapped", No, "the old URL cannot be mapped",
        cause "The URL belongs to a grammar of `old_urls`, but cannot be translated: it has an option, a filter or \
               a source that this service has no equivalent for. `detail` says which.",
        cure "`tintype check-urls` checks a whole access log for this. A `pattern`, `sources` or `words` in the \
              configuration maps more; `deploy/old-urls.md` has examples.";
    MethodNotAllowed = 405 "method-not-allowed", No, "the method is not allowed here",
        cause "The path exists, but not for this method, such as a POST to an image.",
        cure "Use one of the methods in the `Allow` header or, for the API, in its description.";
    RequestTimeout = 408 "request-timeout", Yes, "the request arrived too slowly",
        cause "The body stopped arriving, or was slower than `TINTYPE_BODY_MIN_RATE` for longer than \
               `TINTYPE_BODY_TIMEOUT`. Nothing was stored.",
        cure "Send it again. If clients have bad connections, configure a longer timeout.";
    KeyExists = 409 "key-exists", No, "the key is taken",
        cause "An original or a folder already has this name, and the upload was not to overwrite it \
               (`on_conflict=fail`, the default). With `rename`, no free name was found in many attempts.",
        cure "Use `on_conflict=rename` to get a free name, which the response has, `overwrite` to replace the \
              original, or another key.";
    ParentNotDirectory = 409 "parent-not-directory", No, "a file has the name of a folder",
        cause "A part of the key is the name of a file: `a.jpg/b.jpg` cannot exist beside `a.jpg`. `parent` names \
               it.",
        cure "Choose another key, or move the file that is in the way.";
    OffsetMismatch = 409 "offset-mismatch", No, "the upload is at another offset",
        cause "Reserved for uploads in parts, which this release does not support.",
        cure "Upload the file in one request.";
    Conflict = 409 "conflict", Yes, "another request changed this at the same time",
        cause "Other requests changed the same original or record on every attempt of this request.",
        cure "Send it again. If it happens often, too many writers share one key.";
    Gone = 410 "gone", No, "URLs of this kind are no longer served",
        cause "The URL belongs to a former server, and the `until` date of its grammar in `old_urls` has passed.",
        cure "Use this service's own URL of the image; or move the date, if old articles are still read.";
    UploadExpired = 410 "upload-expired", No, "the upload has expired",
        cause "Reserved for uploads in parts, which this release does not support.",
        cure "Upload the file in one request.";
    PreconditionFailed = 412 "precondition-failed", No, "a precondition does not hold",
        cause "`If-Match` names a version that is not the current one of the original or record, or \
               `If-None-Match: *` found an original: another request was faster.",
        cure "Read it again, decide with what is there now, and send the change with the new ETag.";
    TooLarge = 413 "too-large", No, "the content is too large",
        cause "The file is larger than `TINTYPE_MAX_UPLOAD_BYTES`, or than all of `TINTYPE_SPOOL_BYTES`; or a JSON \
               body, a form field or `meta` is over its limit. `limit` has the number of bytes.",
        cure "Send less, or raise the limit. A proxy in front may have its own limit, and would respond without a \
              code.";
    UnsupportedMediaType = 415 "unsupported-media-type", No, "the content type is not supported",
        cause "The body is not of the type that the operation takes: JSON, a merge patch, or a form.",
        cure "Set `Content-Type` as the operation's description says. A file alone is sent by PUT, with any type.";
    TypeNotAllowed = 415 "type-not-allowed", No, "the type of the file is not allowed",
        cause "The content of the file, not its name, has a type that is not in `TINTYPE_ALLOW_TYPES`. \
               `media_type` names it.",
        cure "Send another file, or add the type to the option. Clients can check beforehand with `GET \
              /api/v1/limits`.";
    RangeNotSatisfiable = 416 "range-not-satisfiable", No, "the range is outside the content",
        cause "The `Range` begins after the end of the file. `Content-Range` and `length` have the length of the \
               file.",
        cure "Request a range within that length. If the file has become shorter, discard the parts that were read \
              before.";
    IdempotencyMismatch = 422 "idempotency-mismatch", No, "the idempotency key was used for something else",
        cause "The `Idempotency-Key` has been used for another request: other bytes, another key or other \
               parameters.",
        cure "Use a new key, such as a UUID, for each new request, and the old one only to repeat exactly the same \
              request.";
    UnsupportedFormat = 422 "unsupported-format", No, "the file cannot be rendered",
        cause "The original is not an image, or of a format that is stored but not decoded, such as EXR, DDS or a \
               camera's raw file, or of a rare variety of a supported format. The original itself is kept and \
               delivered.",
        cure "Upload it as JPEG, PNG, WebP, AVIF, HEIC, GIF, BMP or TIFF, or link to the original. `renderable` in \
              the response to the upload says so at once.";
    CorruptImage = 422 "corrupt-image", No, "the image is damaged",
        cause "The bytes begin like an image but do not continue as one: the file was cut off, overwritten, or \
               damaged in transit.",
        cure "Upload it again from its source. An image that only lacks its end is shown as far as it goes, and is \
              not refused.";
    TooManyPixels = 422 "too-many-pixels", No, "the image has too many pixels",
        cause "The image has more pixels than `TINTYPE_MAX_PIXELS`. It is kept and delivered as it is. `limit` has \
               the number.",
        cure "Upload a smaller one, or raise the option along with the memory; the image is then shown without \
              another upload.";
    TooComplex = 422 "too-complex", No, "the image takes too much work",
        cause "The file exceeds a limit against malicious files: frames, scans, chunks, metadata, the side of an \
               image, or what its format can hold. `limit_of` names it and `limit` has the number.",
        cure "Save the image again in an image editor, which drops most of that; or, if the requested image is \
              what is too large, request a smaller one or another format.";
    // Nothing is wrong with the image: a service with more memory renders it.
    ExceedsMemory = 422 "exceeds-memory", No, "the image takes more memory than this service has",
        cause "Rendering this takes more memory than the process may ever use for images (`TINTYPE_MEMORY_BUDGET`, \
               less the hot cache and connections). Nothing is wrong with the image itself.",
        cure "Give the service more memory; `tintype config` says how large images may be with what it has. A \
              smaller size, or another format of the original, may fit.";
    Blocked = 451 "blocked", No, "this was taken down",
        cause "The original was taken down, by its key or by its content, for the reason in `detail`. The block \
               outlives deletion and another upload of the same bytes.",
        cure "A token with the scope `takedown` can lift it, by a PATCH of the record to the state `public`. For \
              all others it is final.";
    Internal = 500 "internal", No, "the service has failed",
        cause "A fault of the service itself.",
        cure "The log has the cause under the request id, which is `instance` in the response. Please report it.";
    // Of a gateway: what is behind this service does not do what it has to.
    StoreRefused = 502 "store-refused", No, "the store refuses this",
        cause "The bucket or the file system refuses an operation permanently: permissions are missing, an \
               encryption key cannot be used, or the bucket does not exist.",
        cure "Read the store's own message, which is in the log and, for requests with a token, in `reason`. The \
              policy that the service needs is in `deploy/ecs/tintype.yaml`. Trying again does not help.";
    OriginalArchived = 502 "original-archived", No, "the original must be restored from an archive",
        cause "The object is in a storage class that cannot be read at once, such as GLACIER or DEEP_ARCHIVE.",
        cure "Restore it in S3, and limit lifecycle rules for originals to classes that can be read at once \
              (`GLACIER_IR` can). Existing variants are served meanwhile.";
    Overloaded = 503 "overloaded", Yes, "the service is overloaded",
        cause "The queue of pixel work is full, the wait in it would be longer than `TINTYPE_QUEUE_WAIT`, or there \
               are too many connections. Such requests are refused at once rather than made to wait.",
        cure "Wait as `Retry-After` says and try again. If it lasts, add processes or threads; \
              `tintype_shed_total` counts by reason.";
    DeadlineExceeded = 503 "deadline-exceeded", Yes, "this took too long",
        cause "The image was not ready within `TINTYPE_RENDER_DEADLINE`, waiting included.",
        cure "Try again: it may have waited for others. An image that always fails is too large for this machine \
              in this format: request `f_webp` or `f_jpeg`, or raise the deadline.";
    OriginalChanging = 503 "original-changing", Yes, "the original is being changed",
        cause "Another program was writing to the original in place each time that it was read.",
        cure "Try again in a moment. Have that program write another file and rename it, so that readers see \
              either the old file or the new one.";
    // 503, because it is not the client's mistake, and never "public"; an operator has to repair it.
    RecordDamaged = 503 "record-damaged", No, "the record of the original cannot be read",
        cause "The record of the original cannot be read, so it is not known whether the original is public. The \
               original itself may be intact. `record` names the place.",
        cure "`tintype index` rebuilds damaged records, and so does an overwrite of the original. `tintype verify` \
              finds others.";
    SpoolUnavailable = 503 "spool-unavailable", Yes, "uploads cannot be accepted",
        cause "The folder in which uploads are spooled until they are complete cannot be written to.",
        cure "See `/readyz` and the log, which name the folder: `TINTYPE_SPOOL_DIR`, or the store's own. Downloads \
              are not affected.";
    StoreUnavailable = 503 "store-unavailable", Yes, "the store does not respond",
        cause "The bucket or the disk does not respond, or the service is starting and waits for it. Whatever is \
               in memory is served all the same.",
        cure "Try again as `Retry-After` says. `/readyz` and the log have the reason.";
    InsufficientStorage = 507 "insufficient-storage", Yes, "there is no space left",
        cause "The spool has no room for the upload, because `TINTYPE_SPOOL_BYTES` are reserved for others or the \
               disk is full; or the store itself is full.",
        cure "Wait until other uploads are done, as `Retry-After` says, or make room. `tintype_spool_bytes` and \
              `tintype_disk_free_bytes` tell which it is.";
}

impl Code {
    /// The code of this name, as [`Self::as_str`] returns it.
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

    /// For the reference: how the error arises, in sentences with options and fields in backticks.
    pub fn cause(self) -> &'static str {
        self.row().cause
    }

    /// For the reference: what to do about it.
    pub fn cure(self) -> &'static str {
        self.row().cure
    }

    pub fn retryable(self) -> bool {
        self.row().again == Again::Yes
    }

    /// An identifier rather than a URL: it never resolves, so it never breaks.
    pub fn type_uri(self) -> String {
        format!("urn:tintype:problem:{}", self.as_str())
    }
}
