//! Checks which addresses and URLs are reachable, and by whom.

use super::super::Config;
use super::super::addresses::{ADMIN_BIND, API_BIND, BIND, PUBLIC_URL};
use super::super::purging::{PURGE_CLOUDFRONT, PURGE_VARNISH, PURGE_WEBHOOK};
use super::super::reader::OptionReader;
use super::super::site::is_loopback;

impl OptionReader {
    pub(super) fn check_reach(&mut self, config: &Config, is_dev: bool) {
        if is_dev {
            return;
        }
        let is_task = config.task_metadata.is_some();
        let addresses = [
            (BIND, Some(config.addresses.bind)),
            (ADMIN_BIND, Some(config.addresses.admin_bind)),
            (API_BIND, config.addresses.api_bind),
        ];
        for (option, address) in addresses {
            let Some(address) = address else { continue };
            if address.port() == 0 {
                let reason = "port 0 is a different port at each start";
                self.warn(&[option], reason, "name one");
            }
            if is_task && address.ip().is_loopback() {
                let reason = format!("nobody outside this container can reach {address}");
                let fix = format!("bind 0.0.0.0:{}", address.port());
                self.warn(&[option], reason, fix);
            }
        }
        let is_reached = !config.addresses.bind.ip().is_loopback();
        for site in config.sites.iter() {
            if let Some(url) = site.public_url.as_ref().filter(|url| is_loopback(url))
                && is_reached
            {
                let reason = format!("{url} is each reader's own machine");
                self.warn(
                    &[PUBLIC_URL],
                    reason,
                    "set it to the CDN, or to the URL of this service",
                );
            }
            let port = format!(":{}", config.addresses.bind.port());
            let is_itself = |node: &&String| is_loopback(node) && node.ends_with(&port);
            if let Some(node) = site.purgers.varnish.iter().find(is_itself) {
                let reason = format!("{node} is this service itself");
                let fix = "set it to Varnish, which needs its own port";
                self.refuse(&[PURGE_VARNISH], reason, fix);
            }
            if config.stores.read_only && site.purgers != Default::default() {
                let reason = "set, but a read-only service purges nothing";
                let purgers = [PURGE_VARNISH, PURGE_CLOUDFRONT, PURGE_WEBHOOK];
                self.warn(
                    &purgers,
                    reason,
                    "set it for the service that accepts changes",
                );
            }
        }
    }

    /// Checks AWS's own variables for values that are known to have unintended effects.
    pub(super) fn check_credentials(&mut self, config: &Config) {
        let is_set = |name: &str| self.aws.contains_key(name);
        let has_role = is_set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        let has_keys = is_set("AWS_ACCESS_KEY_ID");
        let is_half = has_keys != is_set("AWS_SECRET_ACCESS_KEY");
        let is_general = is_set("AWS_ENDPOINT_URL") && !is_set("AWS_ENDPOINT_URL_CLOUDFRONT");
        let endpoints = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"];
        let is_address = |text: &str| text.starts_with("https://") || text.starts_with("http://");
        let wrong = endpoints.into_iter().find(|name| {
            let endpoint = self.aws.get(*name);
            endpoint.is_some_and(|text| !is_address(text))
        });
        let tells = config
            .sites
            .iter()
            .any(|site| !site.purgers.cloudfront.is_empty());
        let problems = &mut self.problems;
        if let Some(name) = wrong {
            problems.add(name, "no address", "write it like https://s3.example.org");
        }
        if is_half {
            let reason = "one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY without the other";
            problems.warn("AWS_ACCESS_KEY_ID", reason, "set both or neither");
        } else if has_keys && has_role {
            let reason = "set, and overrides the role of the task";
            problems.warn("AWS_ACCESS_KEY_ID", reason, "leave it to the role");
        }
        if is_general && tells {
            let reason =
                "applies to CloudFront as well, so that purge_cloudfront would not reach it";
            problems.warn(
                "AWS_ENDPOINT_URL",
                reason,
                "set AWS_ENDPOINT_URL_S3 instead",
            );
        }
    }
}
