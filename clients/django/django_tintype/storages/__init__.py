"""tintype as Django storages: `TintypeStorage`, and `DeferredTintypeStorage` for later hand-over."""
