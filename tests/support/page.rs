//! Values read out of a page's HTML.

/// The value of the page's first hidden field of this name.
pub fn hidden_field(html: &str, name: &str) -> Option<String> {
    let (_, rest) = html.split_once(&format!("name=\"{name}\" value=\""))?;
    let (value, _) = rest.split_once('"')?;
    Some(value.to_owned())
}

#[test]
fn a_hidden_field_is_found() {
    let html =
        r#"<form><input type="hidden" name="revision" value="3"><input type="hidden" name="a" value="">"#;
    assert_eq!(hidden_field(html, "revision").as_deref(), Some("3"));
    assert_eq!(hidden_field(html, "a").as_deref(), Some(""));
    assert_eq!(hidden_field(html, "b"), None);
}
