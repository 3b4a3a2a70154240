//! The frozen vocabulary of refusals: a code once published keeps its meaning and its status.

use http::StatusCode;

/// Whether the same request may succeed later without anybody changing it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    Yes,
    No,
}

/// One row per code, so that nothing about it is written twice.
macro_rules! codes {
    ($($(#[$attribute:meta])* $name:ident = $status:literal $text:literal, $again:ident, $title:literal;)+) => {
        /// What went wrong, in a word that clients may branch on. New codes may join; none is
        /// renamed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$attribute])* $name,)+
        }

        impl Code {
            /// Every code, for documents and for tests.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            const fn row(self) -> (u16, &'static str, &'static str, Again) {
                match self {
                    $(Self::$name => ($status, $text, $title, Again::$again),)+
                }
            }
        }
    };
}

codes! {
    InvalidRequest = 400 "invalid-request", No, "the request is not understood";
    InvalidKey = 400 "invalid-key", No, "the key breaks a rule for names";
    InvalidSpec = 400 "invalid-spec", No, "the spec is not understood";
    NameTooLong = 400 "name-too-long", No, "the name is too long";
    // The bytes were damaged on their way, so sending them again is the cure.
    DigestMismatch = 400 "digest-mismatch", Yes, "the bytes are not those of the digest";
    Unauthorized = 401 "unauthorized", No, "a token is needed";
    TokenInvalid = 401 "token-invalid", No, "the token is not valid";
    TokenExpired = 401 "token-expired", No, "the token has expired";
    ScopeMissing = 403 "scope-missing", No, "the token does not allow this";
    TicketInvalid = 403 "ticket-invalid", No, "the ticket is not valid for this";
    TicketExpired = 403 "ticket-expired", No, "the ticket has expired";
    SignatureMissing = 403 "signature-missing", No, "the address must be signed";
    SignatureInvalid = 403 "signature-invalid", No, "the signature is wrong";
    SignatureExpired = 403 "signature-expired", No, "the address has expired";
    ReadOnly = 403 "read-only", No, "this service changes nothing";
    NotFound = 404 "not-found", No, "there is no such thing";
    // Of an address of a former server. The original may be there.
    NotMapped = 404 "not-mapped", No, "the old address cannot be mapped";
    MethodNotAllowed = 405 "method-not-allowed", No, "the method is not allowed here";
    RequestTimeout = 408 "request-timeout", Yes, "the request arrived too slowly";
    KeyExists = 409 "key-exists", No, "the key is taken";
    ParentNotDirectory = 409 "parent-not-directory", No, "a file has the name of a folder";
    OffsetMismatch = 409 "offset-mismatch", No, "the upload is at another offset";
    Conflict = 409 "conflict", Yes, "somebody else changed this at the same time";
    Gone = 410 "gone", No, "addresses of this kind are no longer answered";
    UploadExpired = 410 "upload-expired", No, "the upload has expired";
    LengthRequired = 411 "length-required", No, "the length must be declared";
    PreconditionFailed = 412 "precondition-failed", No, "a precondition does not hold";
    TooLarge = 413 "too-large", No, "the content is too large";
    UnsupportedMediaType = 415 "unsupported-media-type", No, "the content type is not understood";
    TypeNotAllowed = 415 "type-not-allowed", No, "the type of the file is not allowed";
    RangeNotSatisfiable = 416 "range-not-satisfiable", No, "the range is outside the content";
    IdempotencyMismatch = 422 "idempotency-mismatch", No, "the idempotency key was used for something else";
    UnsupportedFormat = 422 "unsupported-format", No, "no picture can be made from this";
    CorruptImage = 422 "corrupt-image", No, "the picture is damaged";
    TooManyPixels = 422 "too-many-pixels", No, "the picture has too many pixels";
    TooComplex = 422 "too-complex", No, "the picture takes too much work";
    // Of the picture nothing is wrong: a service with more memory renders it.
    ExceedsMemory = 422 "exceeds-memory", No, "the picture takes more memory than this service has";
    Blocked = 451 "blocked", No, "this was taken down";
    Internal = 500 "internal", No, "something is wrong with the service";
    NotYetSupported = 501 "not-yet-supported", No, "this is not supported yet";
    // Of a gateway: what is behind this service does not do what it has to.
    StoreRefused = 502 "store-refused", No, "the store refuses this";
    OriginalArchived = 502 "original-archived", No, "the original has to be restored from an archive";
    Overloaded = 503 "overloaded", Yes, "too much is asked at once";
    DeadlineExceeded = 503 "deadline-exceeded", Yes, "this took too long";
    OriginalChanging = 503 "original-changing", Yes, "the original is being changed";
    // 503, because it is nobody's mistake who asks, and never "public"; an operator mends it.
    RecordDamaged = 503 "record-damaged", No, "the record of the original cannot be read";
    SpoolUnavailable = 503 "spool-unavailable", Yes, "uploads cannot be taken in";
    StoreUnavailable = 503 "store-unavailable", Yes, "the store does not answer";
    InsufficientStorage = 507 "insufficient-storage", Yes, "there is no space left";
}

impl Code {
    /// The code of this name, as [`Self::as_str`] gives it.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }

    pub fn as_str(self) -> &'static str {
        self.row().1
    }

    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.row().0).expect("the table holds valid statuses")
    }

    pub fn title(self) -> &'static str {
        self.row().2
    }

    pub fn retryable(self) -> bool {
        self.row().3 == Again::Yes
    }

    /// An identifier, not an address: it never resolves, so it never breaks.
    pub fn type_uri(self) -> String {
        format!("urn:tintype:problem:{}", self.as_str())
    }
}
