//! What went wrong at AWS, and the way out, as JSON.

use serde_json::{Value, json};

use crate::domain::failure::{AwsAnswer, Failure, FixContext, Turn};
use crate::domain::integration::Settings;
use crate::domain::organization::Organization;
use crate::web::Web;

/// A failure with the fix filled in with the settings that failed.
pub(super) fn failure(
    web: &Web,
    organization: &Organization,
    settings: &Settings,
    failed: &Failure,
) -> Value {
    let context = FixContext {
        settings,
        external_id: &organization.external_id,
        principal_arn: web.config.principals.of(settings.role_arn.partition()),
    };
    let fix = failed.fix(&context).map(|fix| {
        let block =
            fix.block.map(|block| json!({ "intro": block.intro, "title": block.title, "text": block.text }));
        json!({ "intro": fix.intro, "checklist": fix.checklist, "block": block })
    });
    let mut failure = plain_failure(failed);
    failure["fix"] = json!(fix);
    failure
}

/// A failure without a fix: what it was tried with is not known any more.
pub(super) fn plain_failure(failed: &Failure) -> Value {
    json!({
        "stage": failed.stage,
        "cause": failed.cause,
        "title": failed.title(),
        "explanation": failed.explanation(),
        "turn": turn(failed.turn()),
        "aws": failed.aws.as_ref().map(aws),
        "documentation": failed.documentation(),
    })
}

fn turn(turn: Turn) -> &'static str {
    match turn {
        Turn::Owner => "owner",
        Turn::Operator => "operator",
        Turn::Nobody => "nobody",
    }
}

fn aws(answer: &AwsAnswer) -> Value {
    json!({
        "code": answer.code,
        "message": answer.message,
        "request_id": answer.request_id,
        "status": answer.status,
        "region": answer.region,
    })
}
