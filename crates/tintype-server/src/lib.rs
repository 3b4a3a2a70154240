//! HTTP: routes, configuration, authentication, caches, admission, metrics.
