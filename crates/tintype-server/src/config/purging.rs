//! The downstream caches that are told what to forget. They belong to a site, which reads them.

use super::option::options;

options! {
    //! Whom to tell what to forget when a picture changes or is hidden. Each is told at least once, also
    //! after a crash; without any of them nothing is kept for it.
    "Caches in front";

    /// Varnish: every node, "http://varnish-1:6081,http://varnish-2:6081". deploy/varnish has its VCL.
    PURGE_VARNISH = "purge_varnish", "", of_site;

    /// CloudFront: ids of distributions. Credentials come from AWS's own variables or the task's role, which
    /// needs cloudfront:CreateInvalidation. AWS_ENDPOINT_URL would hold for CloudFront as well: for a store
    /// of another maker set AWS_ENDPOINT_URL_S3.
    PURGE_CLOUDFRONT = "purge_cloudfront", "", of_site;

    /// Any other: an address that takes a POST of JSON, and the key, of 32 characters or more, that it
    /// checks the signature with.
    PURGE_WEBHOOK = "purge_webhook", "", of_site;
    PURGE_WEBHOOK_KEY = "purge_webhook_key", "", secret, of_site;
}
