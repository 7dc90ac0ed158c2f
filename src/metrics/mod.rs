//! What a monitoring system is told of this process: [`Metrics::new`] is the list of everything, each with its name,
//! its meaning and the handle that counts. The parts are given their handles by whoever puts them together; there is
//! no recorder of the whole process.
//!
//! Guarantees:
//! - labels are words of closed lists, and the templates of routes: the number of series does not grow with the
//!   number of organizations, and no series names one;
//! - counting takes an atomic, or a lock for as long as one number is added;
//! - names end in their base unit, and counters in `_total` (<https://prometheus.io/docs/practices/naming/>).
//!
//! `alert_rules.yaml` and `dashboard.json` beside this file are built on these names; a test holds them, and the table
//! of the README, to what is exposed.

mod list;
mod words;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::domain::clock::Timestamp;
use crate::domain::failure::Cause;
use crate::domain::integration::{Health, Situation};
use list::{Buckets, Labels, List, Seconds};

pub use list::{Each, Word};
pub use words::{
    AttemptOutcome, AwsOperation, AwsOutcome, CheckOutcome, IngestOutcome, Peer, RecordOutcome,
    StoreOperation, Surface, Within,
};

/// Alert rules for Prometheus.
pub const ALERT_RULES: &str = include_str!("alert_rules.yaml");
/// A dashboard for Grafana.
pub const DASHBOARD: &str = include_str!("dashboard.json");

/// From a page to a client that is given up.
const OF_REQUESTS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// From a look at an index to the store's own bound.
const OF_THE_STORE: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 20.0, 60.0];
/// From a small object nearby to 64 MiB over a slow line.
const OF_AWS: &[f64] = &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 30.0, 80.0];
/// From at once to the longest that records are held by default.
const OF_DELIVERIES: &[f64] =
    &[1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 21_600.0, 86_400.0, 604_800.0, 2_592_000.0];

/// What tells this process from others.
#[derive(Clone, Copy, Debug)]
pub struct ThisProcess {
    /// Trailpost's version.
    pub version: &'static str,
    /// `sqlite` or `postgres`.
    pub engine: &'static str,
    /// `all`, `console` or `writer`.
    pub role: &'static str,
    /// When it started, by the machine's clock.
    pub started_at: Timestamp,
}

/// How an exposition is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposition {
    /// OpenMetrics 1.0.0 (<https://prometheus.io/docs/specs/om/open_metrics_spec/>).
    OpenMetrics,
    /// Prometheus's text format 0.0.4, for whoever asks for nothing else.
    PrometheusText,
}

/// Everything that is counted, in parts. Clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// The store's.
    pub store: StoreMetrics,
    /// AWS's.
    pub aws: AwsMetrics,
    /// The background work's.
    pub writer: WriterMetrics,
    /// HTTP's.
    pub web: WebMetrics,
    /// What is read from the store.
    pub installation: InstallationMetrics,
    registry: Arc<Registry>,
}

/// What the store tells.
#[derive(Clone, Debug)]
pub struct StoreMetrics {
    durations: Each<StoreOperation, Histogram>,
    /// Windows, and parts of them, that became batches.
    pub sealed_batches: Counter,
}

/// What is told of AWS.
#[derive(Clone, Debug)]
pub struct AwsMetrics {
    durations: Family<Labels, Histogram, Buckets>,
    clock_skew: Family<Labels, Seconds>,
    own_identity_ok: Gauge,
}

/// What the background work tells.
#[derive(Clone, Debug)]
pub struct WriterMetrics {
    /// Tries of deliveries.
    pub attempts: Each<AttemptOutcome, Counter>,
    /// Those that failed, and deliveries that failed before their try.
    pub failures: Each<Cause, Counter>,
    /// Records in delivered files.
    pub delivered_records: Counter,
    /// Their bytes, without what the format adds or compression saves.
    pub delivered_bytes: Counter,
    /// Records that could not be delivered for as long as they are held.
    pub expired_records: Counter,
    /// Results that came after the lease was another's.
    pub leases_lost: Counter,
    /// Access checks that ended.
    pub checks: Each<CheckOutcome, Counter>,
    seal_to_delivered: Histogram,
}

/// Route and method, and the status.
type RequestLabels = ([(&'static str, &'static str); 2], [(&'static str, u16); 1]);

/// What HTTP tells.
#[derive(Clone, Debug)]
pub struct WebMetrics {
    requests: Family<RequestLabels, Counter>,
    durations: Each<Surface, Histogram>,
    ingest_requests: Each<IngestOutcome, Counter>,
    ingest_duration: Histogram,
    /// Records of requests that were accepted.
    pub ingest_records: Each<RecordOutcome, Counter>,
    /// Bytes of producers' bodies, as sent.
    pub ingest_bytes: Counter,
}

/// How the installation stands, as it was read from the store last. Every process of an installation tells the same.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is explained where it is registered")]
pub struct InstallationMetrics {
    pub pending_records: Gauge,
    pub pending_bytes: Gauge,
    pub undelivered_batches: Each<Health, Gauge>,
    pub at_risk_records: Each<Within, Gauge>,
    pub situations: Each<Situation, Gauge>,
    pub closing: Gauge,
    pub healths: Each<Health, Gauge>,
    pub failing: Each<Cause, Gauge>,
    pub open_checks: Gauge,
    pub read_failures: Counter,
    oldest_pending_age: Each<Health, Seconds>,
    read_at: Seconds,
    clock_skew: Family<Labels, Seconds>,
}

impl Metrics {
    /// The list of everything that is counted.
    pub fn new(process: ThisProcess) -> Metrics {
        let mut registry = Registry::default();
        let started_at = List(&mut registry).gauge_of_seconds(
            "process_start_time",
            "When this process started, in seconds since the Unix epoch",
        );
        started_at.set(seconds_since_the_epoch(process.started_at));
        let mut ours = List(registry.sub_registry_with_prefix("trailpost"));
        ours.0.register(
            "build",
            "Always 1; which Trailpost this process is, what it does (role) and on which database (engine)",
            Info::new(vec![("version", process.version), ("role", process.role), ("engine", process.engine)]),
        );
        let clock_skew = ours.add(
            "clock_skew",
            Some(Unit::Seconds),
            "By how much this machine's clock is ahead of AWS's (by the Date of its last answer, to half a second) \
             and of the database server's; negative where it is behind; absent until known",
            Family::<Labels, Seconds>::default(),
        );
        let installation = InstallationMetrics::new(&mut ours, clock_skew.clone());
        let writer = WriterMetrics::new(&mut ours);
        let aws = AwsMetrics::new(&mut ours, clock_skew);
        let store = StoreMetrics::new(&mut ours);
        let web = WebMetrics::new(&mut ours);
        Metrics { store, aws, writer, web, installation, registry: Arc::new(registry) }
    }

    /// Everything as it is now.
    ///
    /// # Errors
    /// Never, as far as is known: text is written into memory.
    pub fn expose(&self, exposition: Exposition) -> Result<String, fmt::Error> {
        let mut written = String::new();
        match exposition {
            Exposition::OpenMetrics => text::encode(&mut written, &self.registry)?,
            Exposition::PrometheusText => prometheus_text::encode(&mut written, &self.registry)?,
        }
        Ok(written)
    }
}

impl Default for Metrics {
    /// Metrics that nobody reads.
    fn default() -> Metrics {
        let started_at = Timestamp::from_millis(0);
        Metrics::new(ThisProcess { version: "", engine: "", role: "", started_at })
    }
}

impl Exposition {
    /// The one that an Accept header asks for.
    pub fn accepted(accept: &str) -> Exposition {
        match accept.contains("application/openmetrics-text") {
            true => Exposition::OpenMetrics,
            false => Exposition::PrometheusText,
        }
    }

    /// Its Content-Type.
    pub fn content_type(self) -> &'static str {
        match self {
            Exposition::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Exposition::PrometheusText => prometheus_text::CONTENT_TYPE,
        }
    }
}

impl InstallationMetrics {
    fn new(list: &mut List<'_>, clock_skew: Family<Labels, Seconds>) -> InstallationMetrics {
        InstallationMetrics {
            clock_skew,
            pending_records: list.gauge(
                "pending_records",
                "Records that were collected and are not delivered yet, those of windows that have not ended included",
            ),
            pending_bytes: list.gauge_of_bytes("pending", "Bytes of the pending records"),
            oldest_pending_age: list.gauges_of_seconds(
                "oldest_pending_age",
                "Since when the oldest pending record waits, by the health of its integration; 0 where none does. \
                 While all is well it stays below the longest delivery window and a few minutes",
            ),
            undelivered_batches: list.gauges(
                "undelivered_batches",
                "Sealed batches that are not delivered yet, by the health of their integration",
            ),
            at_risk_records: list.gauges(
                "at_risk_records",
                "Records of organizations whose deliveries fail, that expire within this time unless that is mended",
            ),
            situations: list.gauges("organizations", "Organizations by how their audit logs stand"),
            closing: list.gauge(
                "closing_organizations",
                "Organizations that were deleted and whose pending records are still being delivered",
            ),
            healths: list.gauges("integrations", "Configured integrations by health"),
            failing: list.gauges(
                "failing_integrations",
                "Integrations whose deliveries fail, by the cause of the last failure and whose turn it is to act",
            ),
            open_checks: list.gauge("open_access_checks", "Access checks that wait or run"),
            read_at: list.gauge_of_seconds(
                "installation_read_timestamp",
                "When the gauges of the installation were last read from the store, in seconds since the Unix epoch",
            ),
            read_failures: list.counter(
                "installation_read_failures",
                "Times that the gauges of the installation could not be read, and kept their values",
            ),
        }
    }

    /// Since when the oldest pending record of such integrations waits.
    pub fn set_oldest_pending_age(&self, health: Health, age: Duration) {
        self.oldest_pending_age.of(health).set(age.as_secs_f64());
    }

    /// When the store was read, by the machine's clock.
    pub fn set_read(&self, at: Timestamp) {
        self.read_at.set(seconds_since_the_epoch(at));
    }

    /// What the machine's clock and the database server's said at one moment.
    pub fn set_clock_skew(&self, ours: Timestamp, theirs: Timestamp) {
        let ahead = seconds_since_the_epoch(ours) - seconds_since_the_epoch(theirs);
        self.clock_skew.get_or_create(&Peer::Database.labels()).set(ahead);
    }
}

impl WriterMetrics {
    fn new(list: &mut List<'_>) -> WriterMetrics {
        WriterMetrics {
            attempts: list.counters("delivery_attempts", "Tries to deliver a batch, by how they ended"),
            failures: list.counters(
                "delivery_failures",
                "Deliveries that failed, by cause (of the catalogue) and whose turn it is to act",
            ),
            delivered_records: list.counter("delivered_records", "Records in files that were delivered"),
            delivered_bytes: list
                .counter_of_bytes("delivered", "Bytes of delivered records, before format and compression"),
            seal_to_delivered: list.durations(
                "seal_to_delivered",
                OF_DELIVERIES,
                "From the sealing of a batch to its file in the bucket",
            ),
            expired_records: list.counter(
                "expired_records",
                "Records that could not be delivered for as long as they are held, and were given up",
            ),
            leases_lost: list.counter(
                "leases_lost",
                "Results of tries that came when another writer had taken over: it took longer than a lease",
            ),
            checks: list.counters("access_checks", "Access checks that ended"),
        }
    }

    /// A batch was delivered, so long after it was sealed.
    pub fn delivered(&self, records: u64, bytes: u64, after: Duration) {
        self.delivered_records.inc_by(records);
        self.delivered_bytes.inc_by(bytes);
        self.seal_to_delivered.observe(after.as_secs_f64());
    }
}

impl AwsMetrics {
    fn new(list: &mut List<'_>, clock_skew: Family<Labels, Seconds>) -> AwsMetrics {
        let own_identity_ok = list.gauge(
            "own_identity_ok",
            "1 while AWS takes our own identity and lets it into customers' roles, as far as it was asked; 0 while it \
             refuses the identity or our clock, or denies the roles of many organizations at once",
        );
        own_identity_ok.set(1);
        AwsMetrics {
            own_identity_ok,
            clock_skew,
            durations: list.durations_by(
                "aws_request_duration",
                OF_AWS,
                "How long requests to AWS took: assume_role to STS, the others to S3",
            ),
        }
    }

    /// A request took so long.
    pub fn answered(&self, operation: AwsOperation, outcome: AwsOutcome, took: Duration) {
        let labels = [operation.labels(), outcome.labels()].concat();
        self.durations.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// By so many seconds this machine's clock is ahead of AWS's.
    pub fn set_clock_skew(&self, seconds: f64) {
        self.clock_skew.get_or_create(&Peer::Aws.labels()).set(seconds);
    }

    /// Whether AWS takes us for whom we are.
    pub fn set_own_identity(&self, is_ok: bool) {
        self.own_identity_ok.set(i64::from(is_ok));
    }
}

impl StoreMetrics {
    fn new(list: &mut List<'_>) -> StoreMetrics {
        StoreMetrics {
            durations: list.durations_of_each(
                "store_operation_duration",
                OF_THE_STORE,
                "How long the store took: append (a producer's request, its wait for a commit included), seal (a \
                 round of sealing), write and read (each other transaction, the wait for a connection included)",
            ),
            sealed_batches: list.counter("sealed_batches", "Windows, and parts of them, that became batches"),
        }
    }

    /// An operation took so long.
    pub fn took(&self, operation: StoreOperation, long: Duration) {
        self.durations.of(operation).observe(long.as_secs_f64());
    }
}

impl Default for StoreMetrics {
    fn default() -> StoreMetrics {
        Metrics::default().store
    }
}

impl WebMetrics {
    fn new(list: &mut List<'_>) -> WebMetrics {
        WebMetrics {
            requests: list.add(
                "http_requests",
                None,
                "Requests by route (its template; none where nothing was reached), method and status",
                Family::default(),
            ),
            durations: list.durations_of_each(
                "http_request_duration",
                OF_REQUESTS,
                "From a request's head to its answer's, by who is served: console (people), api (programs), other",
            ),
            ingest_requests: list.counters("ingest_requests", "Producers' requests to POST /v1/events"),
            ingest_records: list
                .counters("ingest_records", "Records of accepted requests, new and sent before"),
            ingest_bytes: list.counter_of_bytes("ingest_received", "Bytes of producers' bodies, as sent"),
            ingest_duration: list.durations(
                "ingest_request_duration",
                OF_REQUESTS,
                "From a producer's request to its answer, which comes after the commit",
            ),
        }
    }

    /// A request was answered.
    pub fn answered(&self, request: Answered) {
        let Answered { route, method, status, surface, took } = request;
        let labels = ([("route", route), ("method", method)], [("status", status)]);
        self.requests.get_or_create(&labels).inc();
        self.durations.of(surface).observe(took.as_secs_f64());
    }

    /// A producer was answered.
    pub fn ingested(&self, outcome: IngestOutcome, took: Duration) {
        self.ingest_requests.of(outcome).inc();
        self.ingest_duration.observe(took.as_secs_f64());
    }
}

/// A request that was answered.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// The template of its route.
    pub route: &'static str,
    /// Its method, of the known ones.
    pub method: &'static str,
    /// Of the answer.
    pub status: u16,
    /// Who was served.
    pub surface: Surface,
    /// How long it took.
    pub took: Duration,
}

fn seconds_since_the_epoch(at: Timestamp) -> f64 {
    at.as_millis() as f64 / 1000.0
}
