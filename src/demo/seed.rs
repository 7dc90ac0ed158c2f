//! Seeds the demo's organizations, accounts, projects and producer token, through the functions that the product
//! itself uses. On a folder that was seeded before, it finds them again.

use crate::domain::caller::Caller;
use crate::domain::clock::Entropy;
use crate::domain::credential::{ApiKeyToken, ProducerName, ProducerToken, ServiceAccountToken};
use crate::domain::membership::Role;
use crate::domain::organization::{Organization, OrganizationName, Plan};
use crate::domain::project::ProjectRole;
use crate::domain::user::{DisplayName, EmailAddress, User};
use crate::store::{ChangeRefused, Listing, Store, StoreError, TokenRefused, TokenScope};

/// The password of every demo account.
pub const PASSWORD: &str = "trailpost-demo";
/// What the seeds' records name as the client.
const DEMO: &str = concat!("trailpost/", env!("CARGO_PKG_VERSION"));

/// One account of the demo.
#[derive(Clone, Debug)]
pub struct Account {
    /// What it signs in with.
    pub email: EmailAddress,
    /// What it may do.
    pub role: Role,
    /// Where.
    pub organization: Organization,
}

/// What was seeded.
#[derive(Debug)]
pub struct Seeded {
    /// Every account, owners first.
    pub accounts: Vec<Account>,
    /// A token that may send records for every organization.
    pub producer_token: ProducerToken,
}

struct Person {
    email: &'static str,
    name: &'static str,
    role: Role,
}

struct Tenant {
    name: &'static str,
    plan: Plan,
    people: &'static [Person],
    /// Made by the first of its people, who owns it.
    projects: &'static [Project],
    service_accounts: &'static [(&'static str, Role)],
}

struct Project {
    name: &'static str,
    members: &'static [(&'static str, ProjectRole)],
    api_keys: &'static [&'static str],
}

/// Why the demo could not be seeded.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The producer token was refused.
    #[error(transparent)]
    Token(#[from] TokenRefused),
    /// A project, API key or service account was refused.
    #[error(transparent)]
    Change(#[from] ChangeRefused),
}

const TENANTS: [Tenant; 2] = [
    Tenant {
        name: "Acme",
        plan: Plan::Enterprise,
        people: &[
            Person { email: "owner@acme.example", name: "Olivia Owens", role: Role::Owner },
            Person { email: "manager@acme.example", name: "Mateo Mann", role: Role::Manager },
            Person { email: "member@acme.example", name: "Mei Memoto", role: Role::Member },
            Person { email: "billing@acme.example", name: "Bilal Biller", role: Role::BillingAdmin },
        ],
        projects: &[
            Project {
                name: "Docs search",
                members: &[
                    ("owner@acme.example", ProjectRole::Owner),
                    ("member@acme.example", ProjectRole::Viewer),
                ],
                api_keys: &["ci"],
            },
            Project { name: "Website", members: &[], api_keys: &[] },
        ],
        service_accounts: &[("provisioning", Role::Manager)],
    },
    Tenant {
        name: "Initech",
        plan: Plan::Standard,
        people: &[Person { email: "owner@initech.example", name: "Ines Initech", role: Role::Owner }],
        projects: &[],
        service_accounts: &[],
    },
];

/// Seeds the store. `password_hash` is that of [`PASSWORD`].
///
/// # Errors
/// The store failed.
pub async fn seed(store: &Store, entropy: &Entropy, password_hash: &str) -> Result<Seeded, SeedError> {
    let mut accounts = Vec::new();
    for tenant in &TENANTS {
        let organization = tenant_organization(store, tenant).await?;
        for person in tenant.people {
            ensure_member(store, &organization, person, password_hash).await?;
            let email = address_of(person);
            accounts.push(Account { email, role: person.role, organization: organization.clone() });
        }
        ensure_work(store, entropy, &organization, tenant).await?;
    }
    let producer_token = ProducerToken::generate(entropy);
    let producer: ProducerName = "demo".parse().expect("a valid name");
    // The token of an earlier start was shown by a process that is gone.
    store.revoke_tokens(producer.clone()).await?;
    store.create_token(producer, producer_token.hash(), TokenScope::AllOrganizations, None).await?;
    Ok(Seeded { accounts, producer_token })
}

/// The organization that any of the tenant's people is in; a new one if there is none.
async fn tenant_organization(store: &Store, tenant: &Tenant) -> Result<Organization, StoreError> {
    for person in tenant.people {
        if let Some(found) = store.sign_in(address_of(person)).await?
            && let Some(membership) = store.memberships(found.user.id).await?.into_iter().next()
        {
            return Ok(membership.organization);
        }
    }
    let name: OrganizationName = tenant.name.parse().expect("the demo's names are valid");
    store.create_organization(name, tenant.plan).await
}

/// Each step looks for itself whether it was done: an earlier start may have been killed between two.
async fn ensure_member(
    store: &Store,
    organization: &Organization,
    person: &Person,
    password_hash: &str,
) -> Result<(), StoreError> {
    let user = match store.sign_in(address_of(person)).await? {
        Some(found) => found.user,
        None => {
            let name: DisplayName = person.name.parse().expect("the demo's names are valid");
            store.create_user(address_of(person), name, password_hash.to_owned()).await?
        }
    };
    if store.memberships(user.id).await?.is_empty() {
        store.add_member(organization.id, user.id, person.role).await?;
    }
    Ok(())
}

/// Projects and service accounts, unless there are any. Nobody sees their keys and secrets.
async fn ensure_work(
    store: &Store,
    entropy: &Entropy,
    organization: &Organization,
    tenant: &Tenant,
) -> Result<(), SeedError> {
    let (id, name) = (organization.id, |name: &str| name.parse().expect("the demo's names are valid"));
    let Some(owner) = owner(store, tenant).await? else { return Ok(()) };
    let caller = || Caller::user(&owner, DEMO, None);
    if store.projects(id, Listing::first(1)).await?.items.is_empty() {
        for project in tenant.projects {
            let made = store.create_project(caller(), id, name(project.name)).await?;
            for (email, role) in project.members {
                let email = email.parse().expect("the demo's addresses are valid");
                store.add_project_member(caller(), id, made.id, email, *role).await?;
            }
            for key in project.api_keys {
                let (key, token) = (key.parse().expect("a valid name"), ApiKeyToken::generate(entropy));
                store.create_api_key(caller(), id, made.id, key, &token).await?;
            }
        }
    }
    if store.service_accounts(id, Listing::first(1)).await?.items.is_empty() {
        for (account, role) in tenant.service_accounts {
            let (account, token) =
                (account.parse().expect("a valid name"), ServiceAccountToken::generate(entropy));
            store.create_service_account(caller(), id, account, *role, &token).await?;
        }
    }
    Ok(())
}

async fn owner(store: &Store, tenant: &Tenant) -> Result<Option<User>, StoreError> {
    let Some(first) = tenant.people.first() else { return Ok(None) };
    Ok(store.sign_in(address_of(first)).await?.map(|account| account.user))
}

fn address_of(person: &Person) -> EmailAddress {
    person.email.parse().expect("the demo's addresses are valid")
}
