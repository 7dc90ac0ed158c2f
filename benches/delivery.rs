//! Delivery by the real `trailpost serve` into the sandbox: a large backlog of one organization beside its raw ceiling
//! (the same lines read by sqlx, files of the same size written with AWS's SDK, no books), and many organizations that
//! are due at once.
//!
//! `cargo bench --bench delivery` measures on SQLite. `TRAILPOST_BACKLOG=5000000` and `TRAILPOST_ORGANIZATIONS=10000`
//! give the full figures; 0 leaves a part out.

#![expect(clippy::unwrap_used, reason = "a benchmark that can't run has nothing to say")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_sdk_s3::config::{BehaviorVersion, Region};
use aws_sdk_s3::types::ChecksumAlgorithm;
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use trailpost::demo::world;
use trailpost::domain::access_check::{Checklist, Purpose};
use trailpost::domain::caller::Caller;
use trailpost::domain::clock::{Clock, Entropy, Timestamp};
use trailpost::domain::integration::TypedSettings;
use trailpost::domain::membership::Role;
use trailpost::domain::organization::{Organization, Plan};
use trailpost::domain::user::User;
use trailpost::domain::window::WindowLength;
use trailpost::sandbox::{Sandbox, SandboxConfig};
use trailpost::store::{CheckVerdict, NewCheck, Opening, Store};

const PROGRAM: &str = env!("CARGO_BIN_EXE_trailpost");
const WINDOW: Duration = Duration::from_secs(30 * 60);
/// Of a backlog, so many records in each window: files of some 13 MB.
const RECORDS_PER_WINDOW: usize = 20_000;
const RECORDS_OF_MANY: usize = 20;
/// A process stays below it, whatever there is to deliver.
const MEMORY_MIB: f64 = 200.0;
/// What is not delivered by then is reported as it is.
const DEADLINE: Duration = Duration::from_secs(60 * 60);

#[tokio::main]
async fn main() {
    let backlog = number("TRAILPOST_BACKLOG", 200_000);
    if backlog > 0 {
        measure_backlog(backlog).await;
    }
    let organizations = number("TRAILPOST_ORGANIZATIONS", 1000);
    if organizations > 0 {
        measure_many(organizations).await;
    }
}

fn number(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).map_or(otherwise, |text| text.parse().unwrap())
}

async fn measure_backlog(records: usize) {
    let bench = Bench::prepare(1, records).await;
    let raw = bench.deliver_raw().await;
    let delivery = bench.deliver().await;
    println!("one organization, {records} records in windows of {RECORDS_PER_WINDOW} (SQLite)");
    println!("  raw       {:>9.1} s {:>9.0} records/s", raw.as_secs_f64(), rate(bench.records, raw));
    delivery.print();
    println!("  ratio     {:>9.2}", raw.as_secs_f64() / delivery.took.as_secs_f64());
}

async fn measure_many(organizations: usize) {
    let bench = Bench::prepare(organizations, RECORDS_OF_MANY).await;
    let delivery = bench.deliver().await;
    println!("{organizations} organizations, {RECORDS_OF_MANY} records each in one window (SQLite)");
    delivery.print();
    println!("  STS       {:>9} calls of AssumeRole, {} tries failed", delivery.assumed, delivery.failed);
}

#[expect(clippy::cast_precision_loss, reason = "a rate is shown without decimals")]
fn rate(records: usize, took: Duration) -> f64 {
    records as f64 / took.as_secs_f64()
}

/// What there is to deliver, and where to.
struct Bench {
    folder: tempfile::TempDir,
    aws: Aws,
    /// With the record of enabling of each organization.
    records: usize,
}

struct Delivery {
    took: Duration,
    delivered: usize,
    wanted: usize,
    peak_mib: f64,
    assumed: usize,
    /// Tries that failed; each may have assumed the role once more.
    failed: i64,
}

impl Delivery {
    fn print(&self) {
        let (took, rate) = (self.took.as_secs_f64(), rate(self.delivered, self.took));
        println!("  delivered {took:>9.1} s {rate:>9.0} records/s, {} of {}", self.delivered, self.wanted);
        let verdict = if self.peak_mib < MEMORY_MIB { "below" } else { "NOT BELOW" };
        println!("  memory    {:>9.0} MiB at most, {verdict} {MEMORY_MIB} MiB", self.peak_mib);
    }
}

impl Bench {
    /// So many organizations with so many records each, all in windows that have ended.
    async fn prepare(organizations: usize, records: usize) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let aws = Aws::start(&folder.path().join("aws")).await;
        let windows = u32::try_from(records.div_ceil(RECORDS_PER_WINDOW)).unwrap();
        let begin = Clock::system().now() - WINDOW * (windows + 2);
        let enabled = enable(&store_url(folder.path()), organizations, begin).await;
        let mut connection = connect(folder.path()).await;
        for organization in &enabled {
            fill(&mut connection, organization, records, begin).await;
        }
        connection.close().await.unwrap();
        Bench { folder, aws, records: organizations * (records + 1) }
    }

    /// Starts the product and waits until everything is delivered.
    async fn deliver(&self) -> Delivery {
        let mut connection = connect(self.folder.path()).await;
        let product = Product::start(&store_url(self.folder.path()), &self.aws.url);
        let start = Instant::now();
        let mut delivered = 0;
        while delivered < self.records && start.elapsed() < DEADLINE {
            tokio::time::sleep(Duration::from_millis(100)).await;
            delivered = count_delivered(&mut connection).await;
        }
        let (took, peak_mib) = (start.elapsed(), product.peak_mib());
        let assumed = self.aws.assumed.load(Ordering::Relaxed);
        let failed = "SELECT COUNT(*) FROM delivery_attempts WHERE result = 'failed'";
        let failed = sqlx::query_scalar(failed).fetch_one(&mut connection).await.unwrap();
        Delivery { took, delivered, wanted: self.records, peak_mib, assumed, failed }
    }

    /// The same lines into files of the same size, one after the other.
    async fn deliver_raw(&self) -> Duration {
        const PAGE: i64 = 1000;
        let (mut connection, s3) = (connect(self.folder.path()).await, self.aws.client());
        let organization = "SELECT MIN(id) FROM organizations";
        let organization: String = sqlx::query_scalar(organization).fetch_one(&mut connection).await.unwrap();
        let start = Instant::now();
        let (mut after, mut file) = (0, 0);
        loop {
            let mut body = Vec::new();
            for _ in 0..RECORDS_PER_WINDOW as i64 / PAGE {
                let page: Vec<(i64, String)> = sqlx::query_as(
                    "SELECT sequence, line FROM records
                     WHERE organization_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3",
                )
                .bind(&organization)
                .bind(after)
                .bind(PAGE)
                .fetch_all(&mut connection)
                .await
                .unwrap();
                for (sequence, line) in page {
                    body.extend_from_slice(line.as_bytes());
                    body.extend_from_slice(b",\n");
                    after = sequence;
                }
            }
            if body.is_empty() {
                return start.elapsed();
            }
            file += 1;
            let put = s3.put_object().bucket(world::BUCKET).key(format!("raw/{file}")).if_none_match("*");
            let put = put.checksum_algorithm(ChecksumAlgorithm::Sha256).body(body.into());
            put.send().await.unwrap();
        }
    }
}

fn store_url(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("trailpost.db").display())
}

async fn connect(folder: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(folder.join("trailpost.db")).connect().await.unwrap()
}

async fn count_delivered(connection: &mut SqliteConnection) -> usize {
    let query = "SELECT COALESCE(SUM(records), 0) FROM batches WHERE state = 'delivered'";
    let delivered: i64 = sqlx::query_scalar(query).fetch_one(connection).await.unwrap();
    usize::try_from(delivered).unwrap()
}

/// Organizations whose audit logs were enabled at that time, through the store's own functions.
async fn enable(store: &str, organizations: usize, begin: Timestamp) -> Vec<Organization> {
    let (clock, entropy) = (Clock::manual(begin), Entropy::system());
    let store = Store::open(&store.parse().unwrap(), Opening::Serve, 4, clock, entropy).await.unwrap();
    let (email, name) = ("owner@acme.example".parse().unwrap(), "Olivia".parse().unwrap());
    let owner = store.create_user(email, name, String::new()).await.unwrap();
    let mut enabled = Vec::new();
    for number in 0..organizations {
        let name = format!("Organization {number}").parse().unwrap();
        let organization = store.create_organization(name, Plan::Enterprise).await.unwrap();
        store.add_member(organization.id, owner.id, Role::Owner).await.unwrap();
        pass_a_check(&store, &organization, &owner).await;
        enabled.push(organization);
    }
    store.close().await;
    enabled
}

async fn pass_a_check(store: &Store, organization: &Organization, owner: &User) {
    let typed = TypedSettings {
        // Its trust names no external ID: each organization has one of its own.
        role_arn: format!("arn:aws:iam::{}:role/external-id-not-required", world::CUSTOMER_ACCOUNT),
        bucket: world::BUCKET.to_owned(),
        ..TypedSettings::default()
    };
    let new = NewCheck {
        caller: Caller::user(owner, "bench/1", None),
        organization: organization.id,
        purpose: Purpose::Enable,
        proposed: Some(typed.parse(WindowLength::default()).unwrap()),
        revision: None,
    };
    store.open_check(new).await.unwrap();
    let claimed = store.claim_check().await.unwrap().unwrap();
    store.finish_check(&claimed, Checklist::default(), CheckVerdict::Passed).await.unwrap().unwrap();
}

/// Writes records as the store would have, behind the one that is there.
async fn fill(
    connection: &mut SqliteConnection,
    organization: &Organization,
    records: usize,
    begin: Timestamp,
) {
    let id = organization.id.to_string();
    let query = "SELECT last_sequence, total_bytes FROM organizations WHERE id = $1";
    let (mut sequence, mut total): (i64, i64) =
        sqlx::query_as(query).bind(&id).fetch_one(&mut *connection).await.unwrap();
    let mut recorded_at = begin;
    let mut transaction = connection.begin().await.unwrap();
    for number in 0..records {
        recorded_at = begin + WINDOW * u32::try_from(number / RECORDS_PER_WINDOW).unwrap();
        sequence += 1;
        let line = line(&id, sequence);
        let bytes = i64::try_from(line.len()).unwrap();
        total += bytes;
        let insert =
            "INSERT INTO records (organization_id, sequence, record_id, recorded_at, bytes, running_bytes,
                                           producer, submission_digest, line)
                      VALUES ($1, $2, $3, $4, $5, $6, 'bench', $7, $8)";
        let insert = sqlx::query(insert).bind(&id).bind(sequence).bind(record_id(sequence));
        let insert = insert.bind(recorded_at.as_millis()).bind(bytes).bind(total).bind(vec![7_u8; 32]);
        insert.bind(line).execute(&mut *transaction).await.unwrap();
    }
    let update =
        "UPDATE organizations SET last_sequence = $2, last_recorded_at = $3, total_bytes = $4 WHERE id = $1";
    let update = sqlx::query(update).bind(&id).bind(sequence).bind(recorded_at.as_millis()).bind(total);
    update.execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();
}

fn record_id(sequence: i64) -> String {
    format!("0199f3c2-7d1a-7000-8000-{sequence:012}")
}

fn line(organization_id: &str, sequence: i64) -> String {
    json!({
        "id": record_id(sequence),
        "organization_id": organization_id,
        "organization_name": "Acme",
        "client": { "userAgent": "python-client/7.3.0 (Linux; x86_64)" },
        "actor": {
            "principal_id": "0199f3c2-7d1a-7000-8000-0123456789ab",
            "principal_name": "owner@acme.example",
            "principal_type": "user",
            "display_name": "Olivia Owens",
        },
        "event": {
            "time": "2026-11-23T09:31:53.697Z",
            "action": "create",
            "resource_type": "index",
            "resource_id": "docs-example",
            "resource_name": "docs-example",
            "outcome": { "result": "success" },
            "parameters": { "source_ip": "203.0.113.24", "note": "x".repeat(100) },
        },
    })
    .to_string()
}

/// The command, serving.
struct Product(Child);

impl Product {
    fn start(store: &str, aws: &str) -> Product {
        let serve = ["serve", "--store", store, "--listen", "127.0.0.1:0", "--json"];
        let mut command = Command::new(PROGRAM);
        command.args(serve).stdout(Stdio::piped()).stderr(Stdio::null()).envs([
            ("AWS_ENDPOINT_URL", aws),
            ("AWS_REGION", world::REGION),
            ("AWS_ACCESS_KEY_ID", world::OUR_ACCESS_KEY_ID),
            ("AWS_SECRET_ACCESS_KEY", world::OUR_SECRET_ACCESS_KEY),
            ("TRAILPOST__AWS__PRINCIPAL_ARN", world::OUR_PRINCIPAL),
        ]);
        let mut product = Product(command.spawn().unwrap());
        let mut ready = String::new();
        BufReader::new(product.0.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert!(!ready.is_empty(), "the product does not start");
        product
    }

    /// The most memory that it ever had.
    fn peak_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let kib: f64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        kib / 1024.0
    }
}

impl Drop for Product {
    fn drop(&mut self) {
        // Its data go with the benchmark.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The sandbox, behind something that counts what passes.
struct Aws {
    url: String,
    assumed: Arc<AtomicUsize>,
    _sandbox: Sandbox,
}

impl Aws {
    async fn start(folder: &Path) -> Aws {
        let clock = Clock::system();
        let config = SandboxConfig {
            folder: folder.to_owned(),
            users: world::users(),
            keys: world::keys(),
            roles: world::roles(&"trailpost-00000000000000000000000000000000".parse().unwrap()),
            buckets: world::buckets(),
            members: world::members(),
            now: Arc::new(move || clock.now().as_millis()),
            seed: [7; 32],
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sandbox = Sandbox::start(config, listener, CancellationToken::new()).await.unwrap();
        let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", front.local_addr().unwrap());
        let assumed = Arc::new(AtomicUsize::new(0));
        tokio::spawn(pass_on(front, sandbox.address().to_string(), Arc::clone(&assumed)));
        Aws { url, assumed, _sandbox: sandbox }
    }

    fn client(&self) -> aws_sdk_s3::Client {
        let (id, secret) = (world::CUSTOMER_ACCESS_KEY_ID, world::CUSTOMER_SECRET_ACCESS_KEY);
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(&self.url)
            .region(Region::new(world::REGION))
            .credentials_provider(Credentials::new(id, secret, None, None, "customer"))
            .force_path_style(true)
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }
}

/// Passes connections on, and counts the calls of AssumeRole in them.
async fn pass_on(front: TcpListener, to: String, assumed: Arc<AtomicUsize>) {
    while let Ok((near, _)) = front.accept().await {
        let (to, assumed) = (to.clone(), Arc::clone(&assumed));
        tokio::spawn(async move {
            let Ok(far) = TcpStream::connect(to).await else { return };
            let ((mut near_in, mut near_out), (mut far_in, mut far_out)) =
                (near.into_split(), far.into_split());
            let answers = tokio::io::copy(&mut far_in, &mut near_out);
            let requests = async {
                let mut bytes = vec![0; 64 * 1024];
                while let Ok(many @ 1..) = near_in.read(&mut bytes).await {
                    assumed.fetch_add(count_assume_role(&bytes[..many]), Ordering::Relaxed);
                    if far_out.write_all(&bytes[..many]).await.is_err() {
                        return;
                    }
                }
                let _ = far_out.shutdown().await;
            };
            let _ = tokio::join!(answers, requests);
        });
    }
}

/// Forms of STS are small: each comes in one piece.
fn count_assume_role(bytes: &[u8]) -> usize {
    const CALL: &[u8] = b"Action=AssumeRole";
    bytes.windows(CALL.len()).filter(|window| *window == CALL).count()
}
