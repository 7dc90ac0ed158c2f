//! Everybody who could ask, each for the organization that makes them who they are.

use reqwest::RequestBuilder;
use trailpost::domain::id::OrganizationId;
use trailpost::domain::membership::Role;

use super::walk::Attempt;
use crate::support::http_user::{Answer, HttpUser, send};
use crate::support::product::Product;

const PASSWORD: &str = "trailpost-demo";

/// Someone, with the organization whose pages they ask for.
pub struct Person {
    pub who: &'static str,
    /// Theirs in the table: what a role may not do is asked before the plan, so that members of either plan share one.
    pub column: usize,
    pub user: HttpUser,
    pub organization_id: String,
    /// Whom that organization's pages name as the one to ask.
    pub owner: &'static str,
    /// A page of theirs, whose forms give the token.
    home: String,
}

/// Of an organization on Enterprise (Acme) and of one on Standard (Initech): everybody who can be somebody to it.
pub async fn everybody(product: &Product) -> Vec<Person> {
    let acme = product.account("owner@acme.example").organization_id;
    let initech = product.account("owner@initech.example").organization_id;
    join_initech(product, initech.parse().unwrap()).await;
    let nobody = |who, asked: &String, owner| Person {
        who,
        column: 0,
        user: product.anonymous(),
        organization_id: asked.clone(),
        owner,
        home: "/sign-in".to_owned(),
    };
    let mut people = vec![
        nobody("nobody", &acme, "owner@acme.example"),
        nobody("nobody, of Standard", &initech, "owner@initech.example"),
    ];
    for (who, column, email, own, asked) in [
        ("stranger", 1, "owner@initech.example", &initech, &acme),
        ("stranger to Standard", 1, "owner@acme.example", &acme, &initech),
        ("member", 2, "member@acme.example", &acme, &acme),
        ("member on Standard", 2, "member@initech.example", &initech, &initech),
        ("manager", 3, "manager@acme.example", &acme, &acme),
        ("manager on Standard", 3, "manager@initech.example", &initech, &initech),
        ("billing admin", 4, "billing@acme.example", &acme, &acme),
        ("billing admin on Standard", 4, "billing@initech.example", &initech, &initech),
        ("owner on Standard", 5, "owner@initech.example", &initech, &initech),
        ("owner on Enterprise", 6, "owner@acme.example", &acme, &acme),
    ] {
        people.push(Person {
            who,
            column,
            user: HttpUser::sign_in(product.origin(), email, PASSWORD).await,
            organization_id: asked.clone(),
            owner: if *asked == acme { "owner@acme.example" } else { "owner@initech.example" },
            home: format!("/organizations/{own}"),
        });
    }
    people
}

/// The demo's Initech has an owner alone.
async fn join_initech(product: &Product, initech: OrganizationId) {
    let store = product.store();
    let hash = store.sign_in("owner@initech.example".parse().unwrap()).await.unwrap().unwrap().password_hash;
    for (name, role) in
        [("Member", Role::Member), ("Manager", Role::Manager), ("Billing", Role::BillingAdmin)]
    {
        let email = format!("{}@initech.example", name.to_lowercase()).parse().unwrap();
        let user = store.create_user(email, name.parse().unwrap(), hash.clone()).await.unwrap();
        store.add_member(initech, user.id, role).await.unwrap();
    }
}

impl Person {
    pub fn is_nobody(&self) -> bool {
        self.column == 0
    }

    pub fn is_stranger(&self) -> bool {
        self.column == 1
    }

    pub fn is_member_but_no_owner(&self) -> bool {
        (2..=4).contains(&self.column)
    }

    /// Asks; a form is posted with its token unless that does not matter.
    pub async fn try_out(
        &self,
        attempt: &Attempt,
        change: impl Fn(RequestBuilder) -> RequestBuilder,
        with_token: bool,
    ) -> Answer {
        let mut request = self.user.request(attempt.method.clone(), &attempt.path);
        if attempt.is_form() && with_token {
            request = request.form(&[("csrf_token", self.user.csrf_token(&self.home).await)]);
        }
        send(change(request)).await
    }
}
