//! Who is told: whoever reaches a listener of its own, or presents the token.

use reqwest::Method;

use super::TOKEN;
use crate::cli::installation::Installation;
use crate::support::http_user::{Answer, HttpUser, send};

async fn ask(address: &str, presented: Option<&str>) -> Answer {
    let request = HttpUser::anonymous(&format!("http://{address}")).request(Method::GET, "/metrics");
    send(match presented {
        Some(token) => request.bearer_auth(token),
        None => request,
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_of_its_own_tells_whoever_reaches_it_and_nothing_else() {
    let installation = Installation::new().with_environment(&[("TRAILPOST__METRICS__LISTEN", "127.0.0.1:0")]);
    let (mut running, ready) = installation.serve();
    let (main, own) = (ready["listen"].as_str().unwrap(), ready["metrics_listen"].as_str().unwrap());
    let told = ask(own, None).await;
    assert_eq!(told.status, 200);
    assert!(told.body.contains("trailpost_build_info{"), "{}", told.body);
    assert_eq!(ask(main, None).await.status, 404);
    for page in ["/", "/sign-in", "/readyz"] {
        assert_eq!(HttpUser::anonymous(&format!("http://{own}")).get(page).await.status, 404, "{page}");
    }
    running.terminate();
    assert_eq!(running.end().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_asked_for_wherever_it_is_told() {
    let installation = Installation::new().with_environment(&[("TRAILPOST__METRICS__TOKEN", TOKEN)]);
    let (running, ready) = installation.serve();
    assert!(ready.get("metrics_listen").is_none(), "{ready}");
    let main = ready["listen"].as_str().unwrap().to_owned();
    for wrong in [None, Some(""), Some("the-token-of-the-monitorinG"), Some("tp_0123456789abcdef")] {
        let refused = ask(&main, wrong).await;
        assert_eq!(refused.status, 401, "{wrong:?}");
        assert_eq!(refused.headers["www-authenticate"], "Bearer");
        assert!(!refused.body.contains("trailpost_"), "{}", refused.body);
    }
    assert_eq!(ask(&main, Some(TOKEN)).await.status, 200);
    drop(running);

    let installation = installation.with_environment(&[("TRAILPOST__METRICS__LISTEN", "127.0.0.1:0")]);
    let (_running, ready) = installation.serve();
    let (main, own) = (ready["listen"].as_str().unwrap(), ready["metrics_listen"].as_str().unwrap());
    assert_eq!(ask(main, Some(TOKEN)).await.status, 404, "it is elsewhere");
    assert_eq!((ask(own, None).await.status, ask(own, Some(TOKEN)).await.status), (401, 200));
}

#[test]
fn a_token_that_is_none_is_refused_and_never_repeated() {
    let installation = Installation::new();
    for wrong in ["hunter2", "hunter2 with spaces in it"] {
        let ended = installation.run_with(&["check-config"], &[("TRAILPOST__METRICS__TOKEN", wrong)]);
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains("metrics.token") && !ended.stderr.contains(wrong), "{}", ended.stderr);
    }
    let ended = installation.run_with(&["check-config"], &[("TRAILPOST__METRICS__TOKEN", TOKEN)]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("token = \"…\"") && !ended.stdout.contains(TOKEN), "{}", ended.stdout);
}
