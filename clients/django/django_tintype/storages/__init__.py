"""tintype as a Django storage, where a save uploads, and where the upload comes later."""
