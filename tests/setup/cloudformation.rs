//! The template, read by a YAML parser and by AWS's own linter.

use std::fs;

use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::tempdir;
use trailpost::domain::setup::{Setup, SetupFile};
use yaml_rust2::{Yaml, YamlLoader};

use super::tools::{run_if_installed, said};
use super::{any_setup, samples};

fn read(text: &str) -> Value {
    let documents = YamlLoader::load_from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let [document] = &documents[..] else { panic!("{} documents", documents.len()) };
    as_json(document)
}

fn as_json(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::String(text) => json!(text),
        Yaml::Array(items) => items.iter().map(as_json).collect(),
        Yaml::Hash(entries) => {
            let entries =
                entries.iter().map(|(key, value)| (key.as_str().unwrap().to_owned(), as_json(value)));
            Value::Object(entries.collect())
        }
        other => panic!("a template of texts has {other:?}"),
    }
}

fn makes_exactly_the_role(setup: &Setup) {
    let template = read(&SetupFile::CloudFormation.of(setup));
    let resources = template["Resources"].as_object().unwrap();
    assert_eq!(resources.len(), 1);
    let role = &resources["TrailpostRole"];
    assert_eq!(role["Type"], "AWS::IAM::Role");
    let asked = setup.values().role();
    let mut expected = json!({
        "RoleName": asked.name().as_str(),
        "AssumeRolePolicyDocument": setup.trust_policy(),
        "Policies": [{ "PolicyName": "trailpost-audit-logs", "PolicyDocument": setup.permissions_policy() }],
    });
    if let Some(path) = asked.path() {
        expected["Path"] = json!(path);
    }
    assert_eq!(role["Properties"], expected);
    let said = template["Outputs"]["BucketPolicy"]["Value"].as_str();
    let said = said.map(|policy| serde_json::from_str::<Value>(policy).unwrap());
    assert_eq!(said, setup.bucket_policy());
    assert_eq!(template["Outputs"]["RoleArn"]["Value"], json!({ "Fn::GetAtt": ["TrailpostRole", "Arn"] }));
}

#[test]
fn the_template_makes_exactly_the_role() {
    samples().iter().for_each(makes_exactly_the_role);
}

#[test]
fn every_scalar_is_quoted_so_that_no_version_of_yaml_makes_a_date_of_it() {
    let text = SetupFile::CloudFormation.of(&samples()[1]);
    assert!(
        text.contains("Version: \"2012-10-17\"") && text.contains("FormatVersion: \"2010-09-09\""),
        "{text}"
    );
}

#[test]
fn cfn_lint_has_nothing_to_say() {
    for setup in samples() {
        let folder = tempdir().unwrap();
        let file = folder.path().join("cloudformation.yaml");
        fs::write(&file, SetupFile::CloudFormation.of(&setup)).unwrap();
        let Some(output) = run_if_installed("cfn-lint", &[file.to_str().unwrap()], "") else { return };
        assert!(output.status.success(), "{}", said(&output));
    }
}

proptest! {
    #[test]
    fn whatever_was_typed_is_one_scalar(setup in any_setup()) {
        makes_exactly_the_role(&setup);
    }
}
