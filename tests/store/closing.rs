//! Deleting an organization: it closes at once, delivers what is pending, and then there is no row left of it.

use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;
use trailpost::domain::access_check::{CheckState, Purpose};
use trailpost::domain::caller::Caller;
use trailpost::domain::clock::Entropy;
use trailpost::domain::credential::{LinkToken, ProducerToken};
use trailpost::domain::days::Days;
use trailpost::domain::failure::Cause;
use trailpost::domain::membership::Role;
use trailpost::domain::organization::Plan;
use trailpost::domain::project::ProjectRole;
use trailpost::store::{
    AcceptRefused, CloseRefused, IngestError, Invite, InviteRefused, Refused, SwitchOff, TokenScope,
};

use super::delivering::{failed, finish, start, written};
use super::{Books, submitted};

on_both_engines! {
    a_closed_organization_lets_nobody_in_and_nothing_be_added,
    only_an_owner_who_types_its_name_closes_it,
    what_is_pending_and_the_last_record_are_delivered_and_then_it_is_gone,
    what_can_t_be_delivered_is_kept_for_the_hold_and_no_longer,
    where_nothing_is_delivered_it_is_gone_at_once,
    a_check_under_way_ends_with_it,
    a_stop_under_way_ends_with_it,
    no_row_of_it_is_left_in_any_table_and_others_keep_theirs,
    a_purge_that_was_stopped_is_finished_later,
    two_writers_purge_without_harm,
    attempts_that_were_only_counted_are_recorded_before_it_closes,
    a_delivery_under_way_at_the_end_of_the_hold_books_nothing,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn a_closed_organization_lets_nobody_in_and_nothing_be_added(books: Books) {
    let ada = books.join("ada@acme.example", Role::Manager).await;
    let token = LinkToken::generate(&Entropy::system()).hash();
    let invite = |token| Invite {
        organization: books.acme.id,
        email: "eve@acme.example".parse().unwrap(),
        role: Role::Member,
        token,
    };
    books.store.invite(Caller::trailpost(), invite(token)).await.unwrap();
    books.close().await;

    let record = books.lines().await.pop().unwrap();
    assert_eq!(
        [&record["event"]["action"], &record["event"]["resource_type"], &record["event"]["resource_id"]],
        [&json!("delete"), &json!("organization"), &json!("Acme")]
    );
    assert_eq!(record["event"]["parameters"]["before"], json!({ "name": "Acme", "plan": "enterprise" }));
    let before = books.lines().await.len();
    for user in [books.owner.id, ada.id] {
        assert!(books.store.memberships(user).await.unwrap().is_empty());
    }
    assert!(books.store.invitation(token).await.unwrap().is_none());
    let name = "Eve".parse().unwrap();
    let accepted = books
        .store
        .accept_as_new_account(token, name, String::new(), |user| Caller::user(user, "test/1", None));
    assert!(matches!(accepted.await, Err(AcceptRefused::LinkOver)));
    let sent = books.store.ingest("test".parse().unwrap(), vec![submitted(&books.acme, None, "docs")]).await;
    assert!(matches!(sent, Err(IngestError::UnknownOrganization { index: 0 })));
    let invited = books.store.invite(Caller::trailpost(), invite(token)).await;
    assert!(matches!(invited, Err(InviteRefused::UnknownOrganization)));
    assert!(books.store.set_plan(Caller::trailpost(), books.acme.id, Plan::Starter).await.unwrap().is_none());
    assert!(
        books
            .store
            .rename_organization(books.caller(), books.acme.id, "Other".parse().unwrap())
            .await
            .is_err()
    );
    assert!(books.store.integration(books.acme.id).await.unwrap().is_none());
    let scope = TokenScope::Organizations([books.acme.id].into());
    let hash = ProducerToken::generate(&Entropy::system()).hash();
    assert!(books.store.create_token("other".parse().unwrap(), hash, scope, None).await.is_err());
    let again = books.store.close_organization(books.caller(), books.acme.id, "Acme".to_owned()).await;
    assert!(matches!(again, Err(CloseRefused::NotFound)));
    books.store.record_login(books.caller(), books.owner.clone()).await.unwrap();
    assert_eq!(books.lines().await.len(), before, "and nothing more is recorded");

    let summary = books.store.organization_summary(books.acme.id).await.unwrap().unwrap();
    assert!(summary.closed_at.is_some(), "the operator still sees it");
    assert_eq!(books.store.overview().await.unwrap().closing, 1);
}

async fn only_an_owner_who_types_its_name_closes_it(books: Books) {
    let ada = books.join("ada@acme.example", Role::Manager).await;
    for wrong in ["", "acme", "Acme Corp"] {
        let refused = books.store.close_organization(books.caller(), books.acme.id, wrong.to_owned()).await;
        assert!(matches!(refused, Err(CloseRefused::OtherName)), "{wrong}");
    }
    assert!(books.lines().await.is_empty(), "a slip is no attempt");
    let caller = Caller::user(&ada, "test/1", None);
    let refused = books.store.close_organization(caller, books.acme.id, "Acme".to_owned()).await;
    assert!(matches!(refused, Err(CloseRefused::NotAllowed)));
    let record = books.lines().await.pop().unwrap();
    assert_eq!(record["event"]["outcome"]["error_code"], "PERMISSION_DENIED");
    assert_eq!(books.store.memberships(ada.id).await.unwrap().len(), 1);
    books.store.close_organization(books.caller(), books.acme.id, " Acme ".to_owned()).await.unwrap();
}

async fn what_is_pending_and_the_last_record_are_delivered_and_then_it_is_gone(books: Books) {
    books.enable().await;
    books.append(3).await;
    books.close().await;
    assert_eq!(books.purge().await, 0, "something is pending");
    // Before its window has ended: nothing can come after it.
    assert_eq!(books.seal_now().await, 1);
    let claim = books.claim().await.unwrap();
    assert_eq!((claim.batch.first.get(), claim.batch.last.get()), (1, 5), "up to its own last record");
    assert_eq!(claim.external_id, books.acme.external_id);
    let attempt = start(&books, &claim).await.unwrap();
    assert_eq!(books.purge().await, 0, "a delivery is under way");
    assert!(finish(&books, &claim, attempt, written()).await);
    assert_eq!(books.store.deliveries(books.acme.id, 10).await.unwrap().len(), 1);
    assert_eq!(books.purge().await, 1);
    assert_eq!(books.leftovers().await, Vec::<String>::new());
    assert!(books.store.organizations().await.unwrap().is_empty());
}

async fn what_can_t_be_delivered_is_kept_for_the_hold_and_no_longer(books: Books) {
    books.enable().await;
    books.append(3).await;
    books.close().await;
    books.seal_now().await;
    books.clock.advance(29 * DAY);
    let claim = books.claim().await.unwrap();
    let attempt = start(&books, &claim).await.unwrap();
    finish(&books, &claim, attempt, failed(Cause::WriteDenied)).await;
    assert!(books.store.expire(books.acme.id, Days::HOLD).await.unwrap().is_none());
    assert_eq!(books.purge().await, 0);
    books.clock.advance(DAY + Duration::from_secs(1));
    assert!(
        books.store.expire(books.acme.id, Days::HOLD).await.unwrap().is_none(),
        "nobody is left to be told"
    );
    assert_eq!(books.purge().await, 1);
    assert_eq!(books.leftovers().await, Vec::<String>::new());
}

async fn where_nothing_is_delivered_it_is_gone_at_once(books: Books) {
    books.append(3).await;
    books.close().await;
    assert_eq!(books.purge().await, 1);
    assert_eq!(books.leftovers().await, Vec::<String>::new());
}

async fn a_check_under_way_ends_with_it(books: Books) {
    let check = books.asking(Purpose::Enable, Some(super::settings("a-bucket")), books.revision().await);
    let check = books.store.open_check(check).await.unwrap();
    let claimed = books.store.claim_check().await.unwrap().unwrap();
    books.close().await;
    let ended = books.store.access_check(books.acme.id, check.id).await.unwrap().unwrap();
    assert_eq!(ended.state, CheckState::Cancelled);
    assert_eq!(ended.ended_because.as_deref(), Some("The organization was deleted"));
    let late = trailpost::store::CheckVerdict::Passed;
    let late =
        books.store.finish_check(&claimed, trailpost::domain::access_check::Checklist::default(), late);
    assert_eq!(late.await.unwrap(), None);
}

async fn a_stop_under_way_ends_with_it(books: Books) {
    books.enable().await;
    books.append(1).await;
    let revision = books.revision().await;
    let asked = books.store.deliver_first(books.caller(), books.acme.id, revision, SwitchOff::Remove);
    asked.await.unwrap();
    books.append(3).await;
    books.close().await;
    books.end_stops().await.unwrap();
    assert_eq!(
        books.events().await[6..],
        ["delete audit-log-integration failure", "delete organization success"]
    );
    books.seal_now().await;
    let claim = books.claim().await.unwrap();
    assert_eq!(claim.batch.last.get(), 8, "not only up to the stop's cut");
    let revision = books.revision_behind_the_stores_back().await;
    let disabled = books.store.disable(books.caller(), books.acme.id, revision).await;
    assert!(matches!(disabled, Err(Refused::NotAnOwner)));
}

async fn no_row_of_it_is_left_in_any_table_and_others_keep_theirs(books: Books) {
    let beta = books.tenant("Beta").await;
    let ada = books.join("ada@acme.example", Role::Manager).await;
    books.enable().await;
    books.append(3).await;
    books.seal().await;
    // Beta's turn may be the first.
    while let Some(claim) = books.claim().await {
        let attempt = start(&books, &claim).await.unwrap();
        finish(&books, &claim, attempt, written()).await;
    }
    books.store.open_check(books.asking(Purpose::Test, None, books.revision().await)).await.unwrap();
    let token = LinkToken::generate(&Entropy::system()).hash();
    let email = "eve@acme.example".parse().unwrap();
    let invite = Invite { organization: books.acme.id, email, role: Role::Member, token };
    books.store.invite(Caller::trailpost(), invite).await.unwrap();
    let scope = TokenScope::Organizations([books.acme.id, beta.id].into());
    let hash = ProducerToken::generate(&Entropy::system()).hash();
    books.store.create_token("test".parse().unwrap(), hash, scope, None).await.unwrap();
    let project = books.project("Docs").await;
    books.key(&project, "ci").await;
    let email = ada.email.clone();
    let place = ProjectRole::Editor;
    books.store.add_project_member(books.caller(), books.acme.id, project.id, email, place).await.unwrap();
    let (_, secret) = books.account("deployer", Role::Owner).await;
    books.deny("/somewhere").await;
    let given_up = format!(
        "INSERT INTO given_up_stops (organization_id, action, asked_by, given_up_at, revision)
         VALUES ('{}', 'disable', 'Olivia', 1, 1)",
        books.acme.id
    );
    books.database.tamper(&given_up).await;
    let indexed =
        format!("INSERT INTO activity_progress (organization_id, through) VALUES ('{}', 1)", books.acme.id);
    books.database.tamper(&indexed).await;
    let term = "INSERT INTO activity_terms (organization, term, sequence) SELECT number, 1, 1 FROM activity_progress";
    assert_eq!(books.database.tamper(term).await, 1);
    let of_beta = books.rows_of(&beta.id.to_string()).await;
    let of_acme = books.rows_of(&books.acme.id.to_string()).await;
    let tables: Vec<_> = of_acme.iter().filter_map(|row| row.split(':').next()).collect();
    let mut all = books.tables_of_organizations().await;
    // What is stopping is given up as it closes: a row comes after that, as from a process that is slow.
    all.retain(|table| table != "stops");
    assert_eq!(tables, all, "a row in each, or this proves little");

    books.close().await;
    let stop = format!(
        "INSERT INTO stops (organization_id, action, cut, asked_by, asked_at, progress_at)
         VALUES ('{}', 'disable', 1, '', 1, 1)",
        books.acme.id
    );
    books.database.tamper(&stop).await;
    assert!(books.store.service_account_access(secret.hash()).await.unwrap().is_none());
    assert_eq!(books.database.numbers("SELECT COUNT(*) FROM service_account_secrets").await, [0]);
    books.clock.advance(31 * DAY);
    assert_eq!(books.purge().await, 1);
    assert_eq!(books.database.numbers("SELECT COUNT(*) FROM activity_terms").await, [0]);
    assert_eq!(books.rows_of(&books.acme.id.to_string()).await, Vec::<String>::new());
    assert_eq!(books.rows_of(&beta.id.to_string()).await, of_beta);
    assert!(books.store.account(ada.id).await.unwrap().is_some(), "accounts are their owners'");
    let access = books.store.producer_access(hash).await.unwrap().unwrap();
    assert!(access.scope.allows(beta.id) && !access.scope.allows(books.acme.id));
    assert_eq!(books.purge().await, 0);
}

async fn a_purge_that_was_stopped_is_finished_later(books: Books) {
    books.append(2500).await;
    books.close().await;
    let stop = CancellationToken::new();
    stop.cancel();
    assert_eq!(books.store.purge_closed(Days::HOLD, &stop).await.unwrap(), 0);
    assert!(!books.leftovers().await.is_empty());
    assert_eq!(books.purge().await, 1);
    assert_eq!(books.leftovers().await, Vec::<String>::new());
}

async fn two_writers_purge_without_harm(books: Books) {
    books.append(2500).await;
    books.close().await;
    let never = CancellationToken::new();
    let purge = || books.store.purge_closed(Days::HOLD, &never);
    let (one, other) = tokio::join!(purge(), purge());
    assert!(one.unwrap() + other.unwrap() <= 1);
    books.purge().await;
    assert_eq!(books.leftovers().await, Vec::<String>::new());
}

async fn attempts_that_were_only_counted_are_recorded_before_it_closes(books: Books) {
    for _ in 0..23 {
        books.deny("/somewhere").await;
    }
    books.close().await;
    let lines = books.lines().await;
    assert_eq!(lines.len(), 22, "twenty, one for the rest, and the end");
    assert_eq!(lines[20]["event"]["parameters"]["more_attempts"]["count"], 3);
    assert_eq!(lines[21]["event"]["action"], "delete");
    books.clock.advance(DAY);
    books.store.count_left_out_attempts().await.unwrap();
    assert_eq!(books.lines().await.len(), 22);
}

async fn a_delivery_under_way_at_the_end_of_the_hold_books_nothing(books: Books) {
    books.enable().await;
    books.close().await;
    books.seal_now().await;
    books.clock.advance(31 * DAY);
    let claim = books.claim().await.unwrap();
    let attempt = start(&books, &claim).await.unwrap();
    assert_eq!(books.purge().await, 1);
    assert!(!finish(&books, &claim, attempt, written()).await);
    assert_eq!(books.leftovers().await, Vec::<String>::new());
    assert!(start(&books, &claim).await.is_none());
}

impl Books {
    async fn close(&self) {
        self.store.close_organization(self.caller(), self.acme.id, "Acme".to_owned()).await.unwrap();
    }

    async fn purge(&self) -> u64 {
        self.store.purge_closed(Days::HOLD, &CancellationToken::new()).await.unwrap()
    }

    async fn leftovers(&self) -> Vec<String> {
        self.rows_of(&self.acme.id.to_string()).await
    }

    /// Every table that names organizations, and theirs.
    async fn tables_of_organizations(&self) -> Vec<String> {
        let tables = if self.database.url().starts_with("sqlite:") {
            "SELECT t.name FROM sqlite_master t JOIN pragma_table_info(t.name) c
             WHERE t.type = 'table' AND c.name = 'organization_id' ORDER BY t.name"
        } else {
            "SELECT table_name::text FROM information_schema.columns
             WHERE table_schema = 'public' AND column_name = 'organization_id' ORDER BY table_name"
        };
        let mut tables = self.database.texts(tables).await;
        assert!(tables.len() >= 9, "{tables:?}");
        tables.push("organizations".to_owned());
        tables
    }

    /// Of each of them, how many rows name this one.
    async fn rows_of(&self, organization: &str) -> Vec<String> {
        let mut rows = Vec::new();
        for table in self.tables_of_organizations().await {
            let column = if table == "organizations" { "id" } else { "organization_id" };
            let query = format!("SELECT COUNT(*) FROM {table} WHERE {column} = '{organization}'");
            match self.database.numbers(&query).await[0] {
                0 => {}
                count => rows.push(format!("{table}: {count}")),
            }
        }
        rows
    }

    async fn revision_behind_the_stores_back(&self) -> trailpost::domain::integration::Revision {
        let query = format!("SELECT revision FROM integrations WHERE organization_id = '{}'", self.acme.id);
        trailpost::domain::integration::Revision::new(self.database.numbers(&query).await[0])
    }
}
