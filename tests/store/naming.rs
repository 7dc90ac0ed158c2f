//! Names that are in the books already: what one hides is shown, and nothing is lost for it.

use serde_json::json;

use super::Books;

on_both_engines! {
    a_name_of_before_today_s_rules_is_read_with_what_it_hides,
    a_name_is_typed_however_a_keyboard_makes_its_letters,
}

async fn a_name_of_before_today_s_rules_is_read_with_what_it_hides(books: Books) {
    let project = books.project("Docs").await;
    books.database.tamper("UPDATE organizations SET name = 'Ac\u{ad}me'").await;
    books.database.tamper("UPDATE projects SET name = '\u{3164}'").await;
    books.database.tamper("UPDATE users SET display_name = 'Zoe\u{308}'").await;
    let memberships = books.store.memberships(books.owner.id).await.unwrap();
    assert_eq!(memberships[0].organization.name.as_str(), "Ac\\u00adme");
    let account = books.store.account(books.owner.id).await.unwrap().unwrap();
    assert_eq!(account.user.display_name.as_str(), "Zoë");
    let stored = books.store.project(books.acme.id, project.id).await.unwrap().unwrap();
    assert_eq!(stored.name.as_str(), "\\u3164");
    // It can be given another one.
    let renamed =
        books.store.rename_project(books.caller(), books.acme.id, project.id, "Papers".parse().unwrap());
    assert_eq!(renamed.await.unwrap().name.as_str(), "Papers");
    let record = books.lines().await.pop().unwrap();
    assert_eq!(record["event"]["parameters"]["before"], json!({ "name": "\\u3164" }));
    assert_eq!(record["organization_name"], "Ac\\u00adme");
}

async fn a_name_is_typed_however_a_keyboard_makes_its_letters(books: Books) {
    let rename =
        |name: &str| books.store.rename_organization(books.caller(), books.acme.id, name.parse().unwrap());
    assert_eq!(rename("Zoë Rockets").await.unwrap().name.as_str(), "Zoë Rockets");
    let close = |typed: &str| books.store.close_organization(books.caller(), books.acme.id, typed.to_owned());
    assert!(close("Zoe Rockets").await.is_err());
    close(" Zoe\u{308}  Rockets ").await.unwrap();
}
