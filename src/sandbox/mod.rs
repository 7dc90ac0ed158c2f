//! The S3 and STS sandbox: AWS's two services that Trailpost uses, on one port.
//!
//! Real HTTP, real Signature Version 4, real trust and permission policies; objects in files.
//! The AWS SDKs and any S3 client work against it with path-style addresses. It guarantees
//! what the product builds on: a conditional put has exactly one winner, an acknowledged
//! object survives a crash, a session ends by the sandbox's clock and does what its role's
//! policies and its session policy both allow, and refusals use AWS's codes and words. What it
//! doesn't have (multipart, versions, ACLs, tagging, retention of objects, KMS's own API,
//! virtual-host addresses) is answered with NotImplemented or not modelled;
//! each file says which.
//!
//! `faults` are what AWS does on its bad days. They are switched on and off on the running
//! sandbox, hit deliveries alone, and are off at the start.
//!
//! A request comes in at `front`, is verified by s3s, and goes either to `sts` or through
//! `s3_access` to `s3` and `object_files`; errors leave through `answer`.

mod account;
mod answer;
mod cut_off;
mod encryption;
mod faults;
mod front;
mod kms;
mod listing;
mod mint;
mod object_files;
mod policy_document;
mod policy_eval;
mod s3;
mod s3_access;
mod s3_output;
mod s3_put;
mod session;
mod signature_scope;
mod sts;
#[cfg(test)]
mod tests;
mod upload;

use std::fmt;
use std::io::Read;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use s3s::service::S3ServiceBuilder;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use account::{AccountError, Bucket, IamRole, IamUser, OrganizationMember};
pub use encryption::BucketEncryption;
pub use faults::{Fault, FaultError, FaultKind, FaultTarget, Frequency, Percent};
pub use kms::{KmsKey, KmsKeyState};
pub use object_files::{Attributes, ObjectFilesError, StoredObject};
pub use policy_document::{Policy, PolicyError, PolicyKind};
pub use session::RoleSession;

use account::Accounts;
use faults::Faults;
use front::Front;
use mint::Mint;
use object_files::ObjectFiles;
use s3::FileS3;
use s3_access::{Access, Keys};
use sts::Sts;

/// Milliseconds since the Unix epoch, by the clock that sessions and objects follow.
pub type Now = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What a sandbox starts with.
pub struct SandboxConfig {
    /// Where objects are kept. One sandbox at a time may use it.
    pub folder: PathBuf,
    /// Users with access keys.
    pub users: Vec<IamUser>,
    /// Roles that may be assumed.
    pub roles: Vec<IamRole>,
    /// KMS keys.
    pub keys: Vec<KmsKey>,
    /// Buckets.
    pub buckets: Vec<Bucket>,
    /// Accounts that are in organizations.
    pub members: Vec<OrganizationMember>,
    /// The clock for session expiry and Last-Modified. Signatures follow the wall's clock.
    pub now: Now,
    /// Request ids, session secrets and the chances of faults are drawn from it: fixed for
    /// repeatable runs, random otherwise.
    pub seed: [u8; 32],
}

/// Why a sandbox did not start or do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A user, role, key or bucket was refused.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The objects could not be read or written.
    #[error(transparent)]
    Objects(#[from] ObjectFilesError),
    /// The listener has no address.
    #[error("the listener for the sandbox has no address: {0}")]
    Listener(std::io::Error),
}

/// A running sandbox. Clones are handles to the same one.
#[derive(Clone)]
pub struct Sandbox {
    address: SocketAddr,
    accounts: Arc<Accounts>,
    files: Arc<ObjectFiles>,
    faults: Arc<Faults>,
    shutdown: CancellationToken,
    serving: TaskTracker,
}

impl Sandbox {
    /// Checks the configuration, opens the folder and serves on the listener until
    /// `shutdown` is cancelled.
    ///
    /// # Errors
    /// An identity, bucket or policy that is malformed or can't be honoured, or a folder that
    /// can't be used.
    pub async fn start(
        config: SandboxConfig,
        listener: TcpListener,
        shutdown: CancellationToken,
    ) -> Result<Self, SandboxError> {
        let address = listener.local_addr().map_err(SandboxError::Listener)?;
        let mint = Arc::new(Mint::new(config.seed));
        let accounts = Arc::new(Accounts::new(config.now, Arc::clone(&mint)));
        config.users.into_iter().try_for_each(|user| accounts.put_user(user))?;
        config.roles.into_iter().try_for_each(|role| accounts.put_role(role))?;
        config.keys.into_iter().try_for_each(|key| accounts.put_key(key))?;
        config.buckets.into_iter().try_for_each(|bucket| accounts.put_bucket(bucket))?;
        config.members.into_iter().try_for_each(|member| accounts.put_member(member))?;
        let files = Arc::new(blocking(move || ObjectFiles::open(&config.folder)).await?);

        let serving = TaskTracker::new();
        let faults = Arc::new(Faults::new(Arc::clone(&mint)));
        let front = Front {
            service: service(&accounts, &files),
            mint,
            faults: Arc::clone(&faults),
            shutdown: shutdown.clone(),
        };
        serving.spawn(front.serve(listener));
        serving.close();
        Ok(Self { address, accounts, files, faults, shutdown, serving })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The endpoint to give to S3 and STS clients.
    #[must_use]
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until it has stopped serving.
    pub async fn stopped(&self) {
        self.serving.wait().await;
    }

    /// Stops serving, letting requests under way finish for up to 5 seconds.
    pub async fn stop(&self) {
        self.shutdown.cancel();
        self.stopped().await;
    }

    /// Adds a user, or replaces the one with the same access key.
    ///
    /// # Errors
    /// A malformed ARN or policy; nothing is changed then.
    pub fn put_user(&self, user: IamUser) -> Result<(), SandboxError> {
        Ok(self.accounts.put_user(user)?)
    }

    /// Adds a role, or replaces the one with the same ARN. Open sessions follow at once.
    ///
    /// # Errors
    /// A malformed ARN or policy; nothing is changed then.
    pub fn put_role(&self, role: IamRole) -> Result<(), SandboxError> {
        Ok(self.accounts.put_role(role)?)
    }

    /// Removes a role; false if there was none. Its sessions may do nothing from now on.
    #[must_use]
    pub fn remove_role(&self, arn: &str) -> bool {
        self.accounts.remove_role(arn)
    }

    /// Adds a KMS key, or replaces the one with the same ARN.
    ///
    /// # Errors
    /// A malformed ARN or policy; nothing is changed then.
    pub fn put_key(&self, key: KmsKey) -> Result<(), SandboxError> {
        Ok(self.accounts.put_key(key)?)
    }

    /// Adds a bucket, or replaces the one with the same name, objects kept.
    ///
    /// # Errors
    /// A bad name, region, owner or policy; nothing is changed then.
    pub fn put_bucket(&self, bucket: Bucket) -> Result<(), SandboxError> {
        Ok(self.accounts.put_bucket(bucket)?)
    }

    /// Puts an account into an organization, or replaces what that says of it.
    ///
    /// # Errors
    /// A malformed policy; nothing is changed then.
    pub fn put_member(&self, member: OrganizationMember) -> Result<(), SandboxError> {
        Ok(self.accounts.put_member(member)?)
    }

    /// Lets every request to S3 come through a VPC endpoint with this policy, or through none.
    ///
    /// # Errors
    /// A malformed policy; nothing is changed then.
    pub fn put_endpoint_policy(&self, policy: Option<&str>) -> Result<(), SandboxError> {
        Ok(self.accounts.put_endpoint_policy(policy)?)
    }

    /// Removes a bucket; false if there was none. Its objects stay for one of the same name.
    #[must_use]
    pub fn remove_bucket(&self, name: &str) -> bool {
        self.accounts.remove_bucket(name)
    }

    /// The role sessions that were opened, in that order, until a day after their end.
    #[must_use]
    pub fn sessions(&self) -> Vec<RoleSession> {
        self.accounts.list_sessions()
    }

    /// Ends all role sessions, as if the sandbox had been restarted.
    pub fn forget_sessions(&self) {
        self.accounts.forget_sessions();
    }

    /// Lets a fault happen from now on; it replaces one of the same kind and target. Of several
    /// that could hit a request, the one that was switched on first does.
    pub fn switch_on(&self, fault: Fault) {
        self.faults.switch_on(fault);
    }

    /// Ends a fault; false if it wasn't on. Requests that it keeps waiting still are.
    pub fn switch_off(&self, kind: FaultKind, target: &FaultTarget) -> bool {
        self.faults.switch_off(kind, target)
    }

    /// Ends all faults.
    pub fn switch_all_off(&self) {
        self.faults.switch_all_off();
    }

    /// The faults that are on, in the order they were switched on. One for the next so many
    /// requests shows how many are left.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        self.faults.list()
    }

    /// How many requests faults have hit so far.
    #[must_use]
    pub fn fault_hits(&self) -> u64 {
        self.faults.hits()
    }

    /// How many requests wait now for an answer that a fault keeps from them.
    #[must_use]
    pub fn held_requests(&self) -> usize {
        self.faults.held()
    }

    /// All objects of a bucket in key order; none if the bucket has never had any.
    #[must_use]
    pub fn list_objects(&self, bucket: &str) -> Vec<StoredObject> {
        self.files.list(bucket)
    }

    /// An object and its content; `None` if it isn't there.
    ///
    /// # Errors
    /// The file can't be read.
    pub async fn read_object(
        &self,
        bucket: &str,
        key: &str,
    ) -> Result<Option<(StoredObject, Vec<u8>)>, SandboxError> {
        let (files, bucket, key) = (Arc::clone(&self.files), bucket.to_owned(), key.to_owned());
        let read = move || {
            let Some((stored, mut file)) = files.open_body(&bucket, &key)? else {
                return Ok(None);
            };
            let mut body = Vec::new();
            file.read_to_end(&mut body).map_err(|source| ObjectFilesError::Io {
                path: PathBuf::from(format!("{bucket}/{key}")),
                source,
            })?;
            Ok(Some((stored, body)))
        };
        Ok(blocking(read).await?)
    }

    /// Deletes every object of a bucket.
    ///
    /// # Errors
    /// A file can't be deleted; those before it are gone.
    pub async fn empty_bucket(&self, bucket: &str) -> Result<(), SandboxError> {
        let (files, bucket) = (Arc::clone(&self.files), bucket.to_owned());
        let empty =
            move || files.list(&bucket).iter().try_for_each(|object| files.delete(&bucket, &object.key));
        Ok(blocking(empty).await?)
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sandbox").field("address", &self.address).finish_non_exhaustive()
    }
}

fn service(accounts: &Arc<Accounts>, files: &Arc<ObjectFiles>) -> s3s::service::S3Service {
    let mut builder =
        S3ServiceBuilder::new(FileS3 { accounts: Arc::clone(accounts), files: Arc::clone(files) });
    builder.set_auth(Keys { accounts: Arc::clone(accounts) });
    builder.set_access(Access { accounts: Arc::clone(accounts) });
    builder.set_route(Sts { accounts: Arc::clone(accounts) });
    builder.build()
}

/// File work off the async threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ObjectFilesError> + Send + 'static,
) -> Result<T, ObjectFilesError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| {
        Err(ObjectFilesError::Io { path: PathBuf::new(), source: std::io::Error::other(error) })
    })
}
