//! Seeds the demo's organizations, accounts and producer token, through the functions that the product itself
//! uses. On a folder that was seeded before, it finds them again.

use crate::domain::clock::Entropy;
use crate::domain::credential::{ProducerName, ProducerToken};
use crate::domain::membership::Role;
use crate::domain::organization::{Organization, OrganizationName, Plan};
use crate::domain::user::{DisplayName, EmailAddress};
use crate::store::{Store, StoreError, TokenScope};

/// The password of every demo account.
pub const PASSWORD: &str = "trailpost-demo";

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
    },
    Tenant {
        name: "Initech",
        plan: Plan::Standard,
        people: &[Person { email: "owner@initech.example", name: "Ines Initech", role: Role::Owner }],
    },
];

/// Seeds the store. `password_hash` is that of [`PASSWORD`].
///
/// # Errors
/// The store failed.
pub async fn seed(store: &Store, entropy: &Entropy, password_hash: &str) -> Result<Seeded, StoreError> {
    let mut accounts = Vec::new();
    for tenant in &TENANTS {
        let organization = tenant_organization(store, tenant).await?;
        for person in tenant.people {
            let email: EmailAddress = person.email.parse().expect("the demo's addresses are valid");
            ensure_member(store, &organization, person, &email, password_hash).await?;
            accounts.push(Account { email, role: person.role, organization: organization.clone() });
        }
    }
    let producer_token = ProducerToken::generate(entropy);
    let producer: ProducerName = "demo".parse().expect("a valid name");
    store.create_token(producer, producer_token.hash(), TokenScope::AllOrganizations, None).await?;
    Ok(Seeded { accounts, producer_token })
}

/// The organization of the tenant's first person, if there is one already.
async fn tenant_organization(store: &Store, tenant: &Tenant) -> Result<Organization, StoreError> {
    let first: EmailAddress = tenant.people[0].email.parse().expect("the demo's addresses are valid");
    if let Some(found) = store.sign_in(first).await? {
        let memberships = store.memberships(found.user.id).await?;
        if let Some(membership) = memberships.into_iter().next() {
            return Ok(membership.organization);
        }
    }
    let name: OrganizationName = tenant.name.parse().expect("the demo's names are valid");
    store.create_organization(name, tenant.plan).await
}

async fn ensure_member(
    store: &Store,
    organization: &Organization,
    person: &Person,
    email: &EmailAddress,
    password_hash: &str,
) -> Result<(), StoreError> {
    if store.sign_in(email.clone()).await?.is_some() {
        return Ok(());
    }
    let name: DisplayName = person.name.parse().expect("the demo's names are valid");
    let user = store.create_user(email.clone(), name, password_hash.to_owned()).await?;
    store.add_member(organization.id, user.id, person.role).await
}
