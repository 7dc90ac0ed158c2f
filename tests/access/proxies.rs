//! Where a request comes from, in the records: from behind a trusted proxy, the address that the proxy names.

use reqwest::Method;

use crate::support::console::{Console, EMAIL, PASSWORD};
use crate::support::http_user::{HttpUser, send};

/// Signs in through a proxy on loopback, and gives the address that the record of it names.
async fn recorded_address(trusted: &[&str]) -> String {
    let console = Console::behind(trusted).await;
    let person = HttpUser::anonymous(&console.origin());
    let token = person.csrf_token("/sign-in").await;
    let fields =
        [("email", EMAIL), ("password", PASSWORD), ("return_to", ""), ("csrf_token", token.as_str())];
    let request = person.request(Method::POST, "/sign-in").header("x-forwarded-for", "1.2.3.4, 198.51.100.7");
    assert_eq!(send(request.form(&fields)).await.status, 303);
    let record = console.first_record().await;
    console.stop().await;
    record["event"]["parameters"]["source_ip"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn records_name_the_client_behind_a_trusted_proxy_and_believe_nobody_else() {
    assert_eq!(recorded_address(&[]).await, "127.0.0.1");
    assert_eq!(recorded_address(&["10.0.0.0/8"]).await, "127.0.0.1");
    assert_eq!(recorded_address(&["127.0.0.0/8"]).await, "198.51.100.7");
}
