//! The downstream caches of a site, which are purged when its images change.

use super::option::options;

options! {
    //! Which caches to purge when an image changes or is hidden. Each purge is delivered at least once, also after
    //! a crash; without any of these options no purges are recorded.
    "Downstream caches";

    /// Varnish: every node, "http://varnish-1:6081,http://varnish-2:6081". deploy/varnish has its VCL.
    PURGE_VARNISH = "purge_varnish", "", of_site;

    /// CloudFront: ids of distributions. Credentials come from AWS's own variables or the task's role, which needs
    /// cloudfront:CreateInvalidation. AWS_ENDPOINT_URL would apply to CloudFront as well: for another vendor's
    /// store set AWS_ENDPOINT_URL_S3.
    PURGE_CLOUDFRONT = "purge_cloudfront", "", of_site;

    /// Any other cache: a URL that takes a POST of JSON, and the key, of 32 characters or more, with which it
    /// verifies the signature.
    PURGE_WEBHOOK = "purge_webhook", "", of_site;
    PURGE_WEBHOOK_KEY = "purge_webhook_key", "", secret, of_site;
}
