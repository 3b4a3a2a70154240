//! Copies an original that only the lower store has: its bytes pass through this process.

use std::io::Write;

use futures_util::StreamExt;

use super::{Located, Overlay};
use crate::disk::blocking;
use crate::disk::stage::TempFile;
use crate::{Attributes, Condition, Error, Get, Key, Meta, Object, WriteSource};

/// Larger ones are buffered in a file.
const IN_MEMORY: u64 = 4 * 1024 * 1024;

impl Overlay {
    pub(crate) async fn copy(
        &self,
        from: &Key,
        to: &Key,
        condition: &Condition,
        attributes: &Attributes,
    ) -> Result<Meta, Error> {
        let _deciding = self.deciding(condition).await;
        let (source, target) = (Object::Original(from.clone()), Object::Original(to.clone()));
        let found = self.find(&source).await?;
        if matches!(found, Located::Nowhere) {
            return Err(Error::NotFound);
        }
        let condition = self.condition(&target, condition).await?;
        if matches!(found, Located::Upper(_)) {
            let copied = Box::pin(self.upper.copy(from, to, &condition, attributes)).await;
            return self.with_current(&target, copied).await;
        }
        let found = self.get(&source, None, None).await?;
        let found = found.ok_or(Error::NotFound)?;
        let len = found.meta.size;
        let attributes = &attributes.of_copy(&found.meta.attributes);
        if len <= IN_MEMORY {
            let source = WriteSource::Bytes(found.body.into_bytes(IN_MEMORY).await?);
            let put = Box::pin(self.upper.put(&target, source, &condition, attributes)).await;
            return self.with_current(&target, put).await;
        }
        let temp = self.spool(found).await?;
        let source = WriteSource::File {
            path: temp.path(),
            len,
        };
        let put = Box::pin(self.upper.put(&target, source, &condition, attributes)).await;
        self.with_current(&target, put).await
    }

    async fn spool(&self, found: Get) -> Result<TempFile, Error> {
        let folder = self.upper.spool_dir().unwrap_or_else(std::env::temp_dir);
        let (temp, mut file) = blocking::run(move || TempFile::create(&folder)).await?;
        let mut body = found.body;
        while let Some(chunk) = body.next().await {
            let chunk = chunk?;
            file = blocking::run(move || {
                file.write_all(&chunk)
                    .map_err(Error::io("writing a temporary file"))?;
                Ok(file)
            })
            .await?;
        }
        Ok(temp)
    }
}
