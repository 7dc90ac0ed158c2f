//! What a file would be like under the settings that are typed: on the page, and alone while somebody types.

use axum::response::Response;
use http::StatusCode;

use super::form::{FormInput, label};
use super::view::{Preview, PreviewFragment, SampleView};
use super::{SettingsPost, integration};
use crate::domain::object_key::Compression;
use crate::domain::sample_file::SampleFile;
use crate::store::Integration;
use crate::web::Web;
use crate::web::access::MemberRequest;
use crate::web::error::WebError;
use crate::web::form::CheckedForm;
use crate::web::render::{html, organization_href};

/// The preview alone. Nothing is stored.
pub(crate) async fn show(
    request: MemberRequest,
    CheckedForm(post): CheckedForm<SettingsPost>,
) -> Result<Response, WebError> {
    let stored = integration(&request).await?;
    let input = FormInput::for_preview(post.typed);
    html(StatusCode::OK, &PreviewFragment { preview: preview(&request.web, &stored, &input) })
}

/// The preview of what stands in the form.
pub(super) fn preview(web: &Web, stored: &Integration, input: &FormInput) -> Preview {
    let default_window =
        stored.settings.as_ref().map_or(web.config.default_window, |settings| settings.window);
    let url = format!("{}/settings/audit-logs/preview", organization_href(&stored.organization));
    let sample = input.typed.layout(default_window).map(|layout| {
        let sample = SampleFile::of(&stored.organization, &layout, web.clock.now());
        SampleView {
            key: sample.key.to_string(),
            record: sample.record,
            content: sample.content,
            content_title: match layout.compression {
                Compression::None => "The file",
                Compression::Gzip => "The file, before gzip",
            },
        }
    });
    match sample {
        Ok(sample) => Preview { url, sample: Some(sample), wrong: Vec::new() },
        Err(errors) => {
            let wrong = errors.into_iter().map(|error| label(error.field)).collect();
            Preview { url, sample: None, wrong }
        }
    }
}
