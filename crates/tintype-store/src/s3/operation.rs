//! Every kind of request sent to S3: how it is counted, and which permissions it needs.

use crate::Counts;

/// Kinds of operations with separate circuit breakers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Class {
    Read,
    Write,
    List,
}

macro_rules! operations {
    ($($name:ident)*) => {
        /// One request, by S3's own name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Operation {
            $($name,)*
        }

        impl Operation {
            const ALL: &[Self] = &[$(Self::$name),*];

            pub(super) fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
        }
    };
}

operations! {
    AbortMultipartUpload
    CompleteMultipartUpload
    CopyObject
    CreateMultipartUpload
    DeleteObject
    DeleteObjects
    GetBucketVersioning
    GetObject
    HeadObject
    ListMultipartUploads
    ListObjectsV2
    PutObject
    UploadPart
    UploadPartCopy
}

use Operation::*;

impl Operation {
    pub(super) fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|operation| operation.name() == name)
    }

    /// Actions that a policy has to allow. A conditional write or delete needs to read as well.
    pub(super) fn actions(self) -> &'static [&'static str] {
        match self {
            AbortMultipartUpload => &["s3:AbortMultipartUpload"],
            CreateMultipartUpload | UploadPart => &["s3:PutObject"],
            CompleteMultipartUpload | CopyObject | PutObject | UploadPartCopy => {
                &["s3:PutObject", "s3:GetObject"]
            }
            DeleteObject => &["s3:DeleteObject", "s3:GetObject"],
            DeleteObjects => &["s3:DeleteObject"],
            GetBucketVersioning => &["s3:GetBucketVersioning"],
            GetObject | HeadObject => &["s3:GetObject"],
            ListMultipartUploads => &["s3:ListBucketMultipartUploads"],
            ListObjectsV2 => &["s3:ListBucket"],
        }
    }

    /// The circuit breaker that it counts for: operations of one kind fail together.
    pub(super) fn class(self) -> Class {
        match self {
            GetObject | HeadObject => Class::Read,
            GetBucketVersioning | ListMultipartUploads | ListObjectsV2 => Class::List,
            AbortMultipartUpload
            | CompleteMultipartUpload
            | CopyObject
            | CreateMultipartUpload
            | DeleteObject
            | DeleteObjects
            | PutObject
            | UploadPart
            | UploadPartCopy => Class::Write,
        }
    }

    /// The action, for messages.
    pub(super) fn doing(self) -> &'static str {
        match self {
            AbortMultipartUpload => "aborting an upload",
            CompleteMultipartUpload | CreateMultipartUpload | PutObject | UploadPart => {
                "writing an object"
            }
            CopyObject | UploadPartCopy => "copying an object",
            DeleteObject | DeleteObjects => "deleting an object",
            GetBucketVersioning => "reading the bucket's versioning",
            GetObject => "reading an object",
            HeadObject => "reading an object's metadata",
            ListMultipartUploads => "listing unfinished uploads",
            ListObjectsV2 => "listing objects",
        }
    }

    /// Counts a request by the class in which it is billed.
    pub(super) fn count(self, counts: &Counts) {
        match self {
            GetBucketVersioning | GetObject => counts.get(),
            HeadObject => counts.head(),
            CompleteMultipartUpload
            | CopyObject
            | CreateMultipartUpload
            | PutObject
            | UploadPart
            | UploadPartCopy => counts.put(),
            AbortMultipartUpload | DeleteObject | DeleteObjects => counts.delete(),
            ListMultipartUploads | ListObjectsV2 => counts.list(),
        }
    }
}

#[cfg(test)]
mod tests {
    //! The shipped policy allows what the code sends, and nothing else.

    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Every S3 operation that a file in this folder sends, by the builder that begins it.
    fn sent() -> BTreeSet<&'static str> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/s3");
        let files = |folder: &Path| {
            let entries = fs::read_dir(folder).unwrap();
            entries.map(|entry| entry.unwrap().path())
        };
        let sources: Vec<_> = files(&folder)
            .chain(files(&folder.join("trial")))
            .filter(|path| path.is_file())
            .map(|path| fs::read_to_string(path).unwrap())
            .collect();
        assert!(sources.len() > 10);
        let builder = |operation: &Operation| {
            let name = operation.name();
            let lower = name.bytes().enumerate().map(|(at, b)| {
                let snake = if at > 0 && b.is_ascii_uppercase() {
                    "_"
                } else {
                    ""
                };
                format!("{snake}{}", char::from(b.to_ascii_lowercase()))
            });
            lower.collect::<String>()
        };
        let spaceless = |text: &String| text.split_whitespace().collect::<String>();
        let code: String = sources.iter().map(spaceless).collect();
        let calls: BTreeSet<_> = code
            .split("client.")
            .skip(1)
            .filter_map(|rest| rest.split_once("()"))
            .map(|(call, _)| call)
            .filter(|call| {
                call.bytes()
                    .all(|b| b.is_ascii_lowercase() || b == b'_' || b == b'2')
            })
            .filter(|call| *call != "clone")
            .collect();
        let known: BTreeSet<_> = Operation::ALL.iter().map(builder).collect();
        for call in calls {
            assert!(known.contains(call), "{call} is not in the table");
        }
        Operation::ALL
            .iter()
            .filter(|operation| code.contains(&format!("client.{}()", builder(operation))))
            .map(|operation| operation.name())
            .collect()
    }

    #[test]
    fn the_policy_allows_exactly_the_requests_that_are_sent() {
        let sent = sent();
        let named: BTreeSet<_> = Operation::ALL.iter().map(|o| o.name()).collect();
        assert_eq!(
            sent, named,
            "the table holds what is sent, and nothing else"
        );
        let needed: BTreeSet<_> = Operation::ALL
            .iter()
            .flat_map(|operation| operation.actions())
            .copied()
            .collect();

        let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/ecs/tintype.yaml");
        let template = fs::read_to_string(template).unwrap();
        let role = template.split("\n  TaskRole:\n").nth(1).unwrap();
        let role = role.split("\n  ExecutionRole:\n").next().unwrap();
        let allowed: BTreeSet<_> = role
            .split(['[', ']', ',', ' ', '\n'])
            .filter(|text| text.starts_with("s3:"))
            .filter(|text| !text.starts_with("s3:::"))
            .collect();
        assert_eq!(allowed, needed);
        let documented = include_str!("mod.rs");
        for action in needed {
            assert!(documented.contains(action), "{action} is not in the docs");
        }
    }
}
