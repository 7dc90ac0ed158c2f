//! Seeds the demo's organizations, accounts and producer token, through the functions that the product itself
//! uses. On a folder that was seeded before, it finds them again.

use crate::domain::clock::Entropy;
use crate::domain::credential::{ProducerName, ProducerToken};
use crate::domain::membership::Role;
use crate::domain::organization::{Organization, OrganizationName, Plan};
use crate::domain::user::{DisplayName, EmailAddress};
use crate::store::{Store, StoreError, TokenRefused, TokenScope};

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
pub async fn seed(store: &Store, entropy: &Entropy, password_hash: &str) -> Result<Seeded, TokenRefused> {
    let mut accounts = Vec::new();
    for tenant in &TENANTS {
        let organization = tenant_organization(store, tenant).await?;
        for person in tenant.people {
            ensure_member(store, &organization, person, password_hash).await?;
            let email = address_of(person);
            accounts.push(Account { email, role: person.role, organization: organization.clone() });
        }
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

fn address_of(person: &Person) -> EmailAddress {
    person.email.parse().expect("the demo's addresses are valid")
}
