//! Plans: collection is suspended and resumed by them, and the records of that explain the gap in the bucket.

use trailpost::domain::access_check::{CheckState, Checklist, Purpose};
use trailpost::domain::caller::Caller;
use trailpost::domain::clock::{Clock, Entropy};
use trailpost::domain::id::OrganizationId;
use trailpost::domain::integration::Situation;
use trailpost::domain::organization::Plan;
use trailpost::store::{CheckVerdict, PlanChange};

use super::delivering::{finish, start, written};
use super::{Books, settings};

on_both_engines! {
    a_plan_below_enterprise_suspends_and_its_return_resumes,
    records_of_plans_in_between_are_not_delivered_either,
    a_suspension_without_records_leaves_no_gap,
    the_same_plan_changes_and_records_nothing,
    what_is_switched_off_stays_off,
    a_check_does_not_pass_after_the_plan_fell,
}

async fn set_plan(books: &Books, plan: Plan) -> PlanChange {
    books.store.set_plan(Caller::trailpost(), books.acme.id, plan).await.unwrap().unwrap()
}

async fn deliver_next(books: &Books) -> (i64, i64) {
    let claim = books.claim().await.unwrap();
    let attempt = start(books, &claim).await.unwrap();
    assert!(finish(books, &claim, attempt, written()).await);
    (claim.batch.first.get(), claim.batch.last.get())
}

async fn a_plan_below_enterprise_suspends_and_its_return_resumes(books: Books) {
    books.enable().await;
    books.append(2).await;
    let change = set_plan(&books, Plan::Standard).await;
    assert_eq!((change.before, change.organization.plan), (Plan::Enterprise, Plan::Standard));
    assert_eq!(books.integration().await.situation(), Situation::Suspended);
    books.append(5).await;
    let pending = books.store.delivery_status(books.acme.id).await.unwrap().pending_records;
    assert_eq!(pending, 4, "what was collected before, and the record of the suspension");
    assert_eq!(books.seal().await, 1, "pending goes on");
    assert_eq!(deliver_next(&books).await, (1, 4));

    set_plan(&books, Plan::Enterprise).await;
    assert_eq!(books.integration().await.situation(), Situation::Active);
    books.append(1).await;
    assert_eq!(books.seal().await, 1);
    assert_eq!(deliver_next(&books).await, (10, 11), "collection begins with the record of the return");

    let lines = books.lines().await;
    let (suspended, resumed) = (&lines[3]["event"], &lines[9]["event"]);
    for event in [suspended, resumed] {
        assert_eq!(
            (event["action"].as_str(), event["resource_type"].as_str()),
            (Some("update"), Some("plan"))
        );
    }
    assert_eq!(suspended["resource_id"], "standard");
    assert_eq!(suspended["parameters"]["before"]["plan"], "enterprise");
    assert_eq!(suspended["parameters"]["after"]["plan"], "standard");
    assert!(suspended["parameters"].get("not_delivered").is_none());
    assert_eq!(resumed["resource_id"], "enterprise");
    let not_delivered = &resumed["parameters"]["not_delivered"];
    assert_eq!(not_delivered["first_sequence"], 5);
    assert_eq!(not_delivered["last_sequence"], 9);
    assert_eq!(not_delivered["records"], 5);
    assert_eq!(lines[3]["actor"]["principal_type"], "service_account");
    assert_eq!(lines[3]["actor"]["principal_id"], "trailpost");
    assert!(suspended["parameters"].get("source_ip").is_none(), "nobody pressed anything");
    let schema = include_str!("../../static/schemas/audit-record.v1.json");
    let schema = jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap();
    for line in &lines {
        assert!(schema.is_valid(line), "{line}");
    }
}

async fn records_of_plans_in_between_are_not_delivered_either(books: Books) {
    books.enable().await;
    set_plan(&books, Plan::Standard).await;
    set_plan(&books, Plan::Starter).await;
    assert_eq!(books.integration().await.situation(), Situation::Suspended);
    set_plan(&books, Plan::Enterprise).await;
    let not_delivered = books.lines().await[3]["event"]["parameters"]["not_delivered"].clone();
    assert_eq!(
        (not_delivered["first_sequence"].as_i64(), not_delivered["records"].as_i64()),
        (Some(3), Some(1))
    );
    books.seal().await;
    assert_eq!(deliver_next(&books).await, (1, 2));
    assert_eq!(deliver_next(&books).await, (4, 4));
}

async fn a_suspension_without_records_leaves_no_gap(books: Books) {
    books.enable().await;
    set_plan(&books, Plan::Starter).await;
    set_plan(&books, Plan::Enterprise).await;
    assert!(books.lines().await[2]["event"]["parameters"].get("not_delivered").is_none());
    books.seal().await;
    assert_eq!(deliver_next(&books).await, (1, 2));
    assert_eq!(deliver_next(&books).await, (3, 3), "ranges are sealed apart");
}

async fn the_same_plan_changes_and_records_nothing(books: Books) {
    books.enable().await;
    set_plan(&books, Plan::Enterprise).await;
    assert_eq!(books.lines().await.len(), 1);
    let nobody = OrganizationId::generate(&Clock::system(), &Entropy::system());
    assert!(books.store.set_plan(Caller::trailpost(), nobody, Plan::Starter).await.unwrap().is_none());
}

async fn what_is_switched_off_stays_off(books: Books) {
    books.enable().await;
    let revision = books.revision().await;
    books.store.disable(books.caller(), books.acme.id, revision).await.unwrap();
    set_plan(&books, Plan::Standard).await;
    assert_eq!(books.integration().await.situation(), Situation::Suspended);
    set_plan(&books, Plan::Enterprise).await;
    assert_eq!(books.integration().await.situation(), Situation::Inactive);
    books.append(1).await;
    assert_eq!(books.seal().await, 0);
    assert!(books.lines().await[3]["event"]["parameters"].get("not_delivered").is_none());
}

async fn a_check_does_not_pass_after_the_plan_fell(books: Books) {
    let new = books.asking(Purpose::Enable, Some(settings("a-bucket")), books.revision().await);
    books.store.open_check(new).await.unwrap();
    let claimed = books.store.claim_check().await.unwrap().unwrap();
    set_plan(&books, Plan::Standard).await;
    let ended = books.store.finish_check(&claimed, Checklist::default(), CheckVerdict::Passed).await.unwrap();
    assert_eq!(ended, None);
    let check = books.integration().await.check.unwrap();
    assert_eq!(check.state, CheckState::Superseded);
    assert_eq!(check.ended_because.as_deref(), Some("The plan changed during the access check"));
    assert_eq!(books.integration().await.situation(), Situation::NeedsEnterprise);
}
