//! Logging to standard output.

use super::option::options;
use super::read;
use super::reader::OptionReader;
use crate::telemetry::access_log::Logged;

options! {
    //! Traces and metrics go to an OpenTelemetry collector if its own variables name one:
    //! OTEL_EXPORTER_OTLP_ENDPOINT, for example http://localhost:4318, or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT and
    //! OTEL_EXPORTER_OTLP_METRICS_ENDPOINT, by HTTP and protobuf. Also read are OTEL_SERVICE_NAME,
    //! OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER with its _ARG, OTEL_METRIC_EXPORT_INTERVAL,
    //! OTEL_EXPORTER_OTLP_HEADERS and _TIMEOUT, OTEL_TRACES_EXPORTER and OTEL_METRICS_EXPORTER (none), OTEL_BSP_*
    //! and OTEL_SDK_DISABLED.
    "Logging";

    /// What is logged besides requests: error, warn, info, debug, trace or off, or a filter such as
    /// info,tintype_store=debug. deploy/log.md has the fields of a line.
    LOG = "log", "info";

    /// Which requests are logged: all, errors (responses of 400 and above), or errors and a fraction of the others,
    /// such as 1/100.
    ACCESS_LOG = "access_log", "all";

    /// 1: each minute a line of metrics in CloudWatch's embedded format, for a log group that nothing else collects
    /// metrics from.
    EMF = "emf", "0";
}

#[derive(Debug)]
pub struct Logging {
    /// What is logged besides requests, as a filter of `tracing`.
    pub log: String,
    pub access_log: Logged,
    /// Whether a line of CloudWatch metrics is written each minute.
    pub emf: bool,
}

impl Logging {
    pub(super) fn read(reader: &mut OptionReader) -> Self {
        Self {
            log: reader.read(LOG, read::log_filter),
            access_log: reader.read(ACCESS_LOG, read::logged),
            emf: reader.read(EMF, read::switch),
        }
    }
}
