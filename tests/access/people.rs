//! Everybody who could ask, each for the organization that makes them who they are.

use reqwest::RequestBuilder;

use super::walk::Attempt;
use crate::support::http_user::{Answer, HttpUser, send};
use crate::support::product::Product;

/// Someone, with the organization whose pages they ask for.
pub struct Person {
    pub who: &'static str,
    pub user: HttpUser,
    pub organization_id: String,
    /// A page of theirs, whose forms give the token.
    home: String,
}

/// In the order of the table's columns.
pub async fn everybody(product: &Product) -> Vec<Person> {
    let acme = product.account("owner@acme.example").organization_id;
    let initech = product.account("owner@initech.example").organization_id;
    let mut people = vec![Person {
        who: "nobody",
        user: product.anonymous(),
        organization_id: acme.clone(),
        home: "/sign-in".to_owned(),
    }];
    for (who, email, own, asked) in [
        ("stranger", "owner@initech.example", &initech, &acme),
        ("member", "member@acme.example", &acme, &acme),
        ("manager", "manager@acme.example", &acme, &acme),
        ("billing admin", "billing@acme.example", &acme, &acme),
        ("owner on Standard", "owner@initech.example", &initech, &initech),
        ("owner on Enterprise", "owner@acme.example", &acme, &acme),
    ] {
        people.push(Person {
            who,
            user: product.user(email).await,
            organization_id: asked.clone(),
            home: format!("/organizations/{own}"),
        });
    }
    people
}

impl Person {
    pub fn is_nobody(&self) -> bool {
        self.who == "nobody"
    }

    pub fn is_stranger(&self) -> bool {
        self.who == "stranger"
    }

    pub fn is_member_but_no_owner(&self) -> bool {
        ["member", "manager", "billing admin"].contains(&self.who)
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
