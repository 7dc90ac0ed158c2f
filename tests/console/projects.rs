//! Projects and their members.

use serde_json::json;

use super::{BILLING, Desk, MANAGER, MEMBER, OWNER, newest, records, title};
use crate::support::product::Product;

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_creates_and_renames_a_project_and_an_owner_deletes_it() {
    let product = Product::start().await;
    let manager = Desk::of(&product, MANAGER).await;
    let project = manager.project("  Telescope ").await;
    let page = manager.get(&project).await;
    assert_eq!((page.status, title(&page)), (200, "Telescope · Acme · Trailpost"));
    assert!(page.body.contains("The project was created."));
    assert!(page.body.contains("by <bdi>manager@acme.example</bdi>"));
    assert!(!page.body.contains("/delete\" data-dialog"), "only owners delete");
    let (what, record) = newest(&product, MANAGER).await;
    assert_eq!(what, "create project success");
    assert_eq!(record["actor"]["principal_name"], MANAGER);
    assert_eq!(record["event"]["parameters"]["source_ip"], "127.0.0.1");

    let renamed = manager.post(&project, &[("name", "Observatory")]).await;
    assert_eq!(renamed.location(), Some(format!("{}{project}", manager.base).as_str()));
    assert!(manager.get(&project).await.body.contains("The project was renamed."));
    let (what, record) = newest(&product, MANAGER).await;
    assert_eq!(
        (what.as_str(), &record["event"]["resource_id"]),
        ("update project success", &json!("Observatory"))
    );
    assert_eq!(
        manager.post(&format!("{project}/delete"), &[("confirmation", "Observatory")]).await.status,
        403
    );

    let owner = Desk::of(&product, OWNER).await;
    let delete = format!("{project}/delete");
    let asked = owner.get(&delete).await;
    assert!(asked.body.contains("Delete project?") && asked.body.contains("<bdi>Observatory</bdi>"));
    let before = records(&product, OWNER).await.len();
    for wrong in ["", "observatory", "Observatory2"] {
        let answer = owner.post(&delete, &[("confirmation", wrong)]).await;
        assert_eq!(answer.status, 422, "{wrong:?}");
        assert!(answer.body.contains("This is not the project’s name. Nothing was deleted."));
        assert!(answer.body.contains(&format!("value=\"{wrong}\"")), "what was typed is kept");
    }
    assert_eq!(records(&product, OWNER).await.len(), before);
    let deleted = owner.post(&delete, &[("confirmation", " Observatory ")]).await;
    assert_eq!(deleted.location(), Some(format!("{}/projects", owner.base).as_str()));
    assert_eq!(newest(&product, OWNER).await.0, "delete project success");
    assert_eq!(owner.get(&project).await.status, 404);
    let list = owner.get("/projects").await;
    assert!(list.body.contains("The project was deleted") && !list.body.contains("Observatory"));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_sees_projects_and_only_owners_and_managers_their_keys() {
    let product = Product::start().await;
    let owner = Desk::of(&product, OWNER).await;
    let project = owner.project("Telescope").await;
    owner.key(&project, "nightly").await;
    for email in [MEMBER, BILLING] {
        let desk = Desk::of(&product, email).await;
        let list = desk.get("/projects").await;
        assert!(list.body.contains("<bdi>Telescope</bdi>"), "{email}");
        assert!(!list.body.contains("Create project"), "{email}");
        assert!(
            !list.body.contains(">API keys</a>") && !list.body.contains(">Service accounts</a>"),
            "{email}"
        );
        let page = desk.get(&project).await;
        assert_eq!(page.status, 200);
        for hidden in ["nightly", "tpk_", "Create API key", "Add member", "name=\"name\"", "Delete project"] {
            assert!(!page.body.contains(hidden), "{email} sees {hidden}");
        }
        let refused = desk.post("/projects/new", &[("name", "Mine")]).await;
        assert_eq!(refused.status, 403);
        assert!(refused.body.contains("Only organization owners and managers can do this."), "{email}");
    }
    let manager = Desk::of(&product, MANAGER).await;
    let page = manager.get(&project).await;
    assert!(page.body.contains("nightly") && page.body.contains(">API keys</a>"));
    assert!(!page.body.contains(">Service accounts</a>"));
    assert!(owner.get("/projects").await.body.contains(">Service accounts</a>"));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_without_projects_is_told_what_to_do() {
    let product = Product::start().await;
    let desk = Desk::of(&product, super::OTHER_OWNER).await;
    for (path, text) in [
        ("/projects", "No projects yet"),
        ("/api-keys", "No API keys yet"),
        ("/service-accounts", "No service accounts yet"),
    ] {
        let page = desk.get(path).await;
        assert!(page.status == 200 && page.body.contains(text), "{path}: {}", page.body);
    }
    let project = desk.project("First").await;
    let page = desk.get(&project).await;
    assert!(page.body.contains("Nobody is in this project yet") && page.body.contains("No API keys yet"));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_name_comes_back_with_what_was_typed_and_is_recorded() {
    let product = Product::start().await;
    let owner = Desk::of(&product, OWNER).await;
    owner.project("Telescope").await;
    let other = owner.project("Other").await;
    for path in ["/projects/new", &other] {
        let answer = owner.post(path, &[("name", "TELESCOPE")]).await;
        assert_eq!(answer.status, 422, "{path}");
        assert!(answer.body.contains("value=\"TELESCOPE\"") && answer.body.contains("id=\"error-summary\""));
        assert!(answer.body.contains("There is a project with this name already."));
        let (what, record) = newest(&product, OWNER).await;
        assert!(what.ends_with("project failure"), "{what}");
        assert_eq!(record["event"]["outcome"]["error_code"], "ALREADY_EXISTS");
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_added_changed_and_removed() {
    let product = Product::start().await;
    let manager = Desk::of(&product, MANAGER).await;
    let project = manager.project("Telescope").await;
    let new = format!("{project}/members/new");
    assert!(manager.get(&new).await.body.contains("changes nothing of what somebody may do in this console"));
    let refused = manager.post(&new, &[("email", "nobody@evil.example"), ("role", "viewer")]).await;
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("No member of this organization has this address."));
    assert!(refused.body.contains("value=\"nobody@evil.example\""));
    let wrong = manager.post(&new, &[("email", "x"), ("role", "king")]).await;
    assert_eq!(wrong.status, 422);
    assert!(
        wrong.body.contains("Enter an e-mail address") && wrong.body.contains("is not a role in a project")
    );

    let added = manager.post(&new, &[("email", " Member@acme.example"), ("role", "editor")]).await;
    assert_eq!(added.status, 303, "{}", added.body);
    let (what, record) = newest(&product, OWNER).await;
    assert_eq!((what.as_str(), &record["event"]["resource_id"]), ("create user success", &json!([MEMBER])));
    let again = manager.post(&new, &[("email", MEMBER), ("role", "editor")]).await;
    assert_eq!(again.status, 422);
    assert!(again.body.contains("They are in this project already."));
    assert_eq!(newest(&product, OWNER).await.1["event"]["outcome"]["error_code"], "ALREADY_EXISTS");

    let member = Desk::of(&product, MEMBER).await;
    let seen = member.get(&project).await;
    assert!(
        seen.body.contains("Mei Memoto") && seen.body.contains("Editor") && !seen.body.contains("<select")
    );
    assert!(
        seen.body.contains("what somebody may do in this console, their role in the organization decides")
    );

    let remove = manager.link(&project, "/remove").await;
    let place = remove.strip_suffix("/remove").unwrap();
    assert_eq!(member.post(place, &[("role", "owner")]).await.status, 403);
    assert_eq!(manager.post(place, &[("role", "king")]).await.status, 422);
    assert_eq!(manager.post(place, &[("role", "owner")]).await.status, 303);
    let (what, record) = newest(&product, OWNER).await;
    assert_eq!(what, "update user success");
    assert_eq!(record["event"]["resource_id"], json!({ "user": MEMBER, "role": "owner" }));
    assert!(manager.get(&project).await.body.contains("The role in the project was changed."));

    assert!(manager.get(&remove).await.body.contains("Remove from project?"));
    assert_eq!(manager.post(&remove, &[]).await.status, 303);
    let (what, record) = newest(&product, OWNER).await;
    assert_eq!(what, "delete user success");
    assert_eq!(record["event"]["resource_id"], json!({ "user": MEMBER, "project": "Telescope" }));
    assert_eq!(manager.post(&remove, &[]).await.status, 404, "there is nobody any more");
    assert_eq!(manager.get(&remove).await.status, 404);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_is_shown_in_parts() {
    let product = Product::start().await;
    let desk = Desk::of(&product, super::OTHER_OWNER).await;
    let organization = product.account(super::OTHER_OWNER).organization_id.parse().unwrap();
    let owner = product.store().sign_in(super::OTHER_OWNER.parse().unwrap()).await.unwrap().unwrap().user;
    let caller = || trailpost::domain::caller::Caller::user(&owner, "test", None);
    for number in 0..60 {
        let name = format!("Project {number:02}").parse().unwrap();
        product.store().create_project(caller(), organization, name).await.unwrap();
    }
    let first = desk.get("/projects").await;
    let (_, rest) = first.body.split_once("/projects?after=").unwrap();
    let (after, _) = rest.split_once('"').unwrap();
    let second = desk.get(&format!("/projects?after={after}")).await;
    let count = |body: &str| body.matches("<bdi>Project ").count();
    assert_eq!((count(&first.body), count(&second.body)), (50, 10));
    assert!(second.body.contains("Back to the beginning") && !second.body.contains("Show the next"));
    assert_eq!(desk.get("/projects?after=nonsense").await.status, 404);
    product.stop().await;
}
