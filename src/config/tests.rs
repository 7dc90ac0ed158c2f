use super::*;
use crate::domain::s3_endpoint::Checksum;

const NOBODY: [(String, String); 0] = [];
const GOV: &str = "arn:aws-us-gov:iam::999988887777:role/trailpost";
const SECRET_URL: &str = "postgres://app:hunter2@db.example/trailpost";

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn from_environment(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::load(Flags::default(), variables(pairs))
}

fn from_file(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trailpost.toml");
    std::fs::write(&file, text).unwrap();
    Config::load(Flags { file: Some(file), ..Flags::default() }, variables(environment))
}

#[test]
fn the_defaults_are_a_configuration() {
    let config = Config::load(Flags::default(), NOBODY).unwrap();
    assert_eq!(config.server().listen().to_string(), "127.0.0.1:8080");
    assert_eq!(config.server().public_url().unwrap().origin(), "http://127.0.0.1:8080");
    assert_eq!(config.server().role(), ProcessRole::All);
    assert_eq!(config.server().trusted_proxies(), &TrustedProxies::default());
    assert_eq!(config.server().most_connections().get(), 1024);
    assert_eq!(config.store().url().to_string(), "sqlite:trailpost-data/trailpost.db");
    assert_eq!(config.principals(), &Principals::default());
    assert_eq!(config.s3(), &S3Endpoint::default());
    assert_eq!(config.window(), WindowLength::default());
    assert_eq!(config.log().format(), LogFormat::Text);
}

#[test]
fn every_default_is_explained() {
    let mut before = "";
    for line in include_str!("../config.default.toml").lines() {
        if line.contains(" = ") && !line.starts_with('#') {
            assert!(before.starts_with('#'), "{line}");
        }
        before = line;
    }
}

#[test]
fn what_is_in_force_is_named_by_the_keys_that_there_are() {
    let effective = Config::load(Flags::default(), NOBODY).unwrap().effective();
    for (section, keys) in effective.as_object().unwrap() {
        for (key, value) in keys.as_object().unwrap() {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Array(_) => String::new(),
                other => other.to_string(),
            };
            let name = format!("TRAILPOST__{}__{}", section.to_uppercase(), key.to_uppercase());
            from_environment(&[(&name, &text)]).unwrap();
        }
    }
}

#[test]
fn later_layers_win() {
    let text = "[server]\nlisten = \"127.0.0.1:1\"\nmost_connections = 7\n[delivery]\nwindow_minutes = 5\n";
    let environment = [("TRAILPOST__SERVER__LISTEN", "127.0.0.1:2"), ("UNRELATED", "1")];
    let config = from_file(text, &environment).unwrap();
    assert_eq!(config.server().listen().port(), 2, "the environment lies over the file");
    assert_eq!(config.server().most_connections().get(), 7);
    assert_eq!(config.window().minutes(), 5);
    let flags = Flags { listen: Some("127.0.0.1:3".to_owned()), ..Flags::default() };
    let config = Config::load(flags, variables(&environment)).unwrap();
    assert_eq!(config.server().listen().port(), 3, "a flag lies over all");
}

#[test]
fn an_unknown_key_is_named_with_its_origin() {
    let error = from_file("[server]\nlisten_on = \"x\"\n", &[]).unwrap_err().to_string();
    assert!(error.contains("server.listen_on") && error.contains("trailpost.toml"), "{error}");
    assert!(error.contains("listen, most_connections, public_url"), "{error}");
    let error = from_file("[sever]\nlisten = \"x\"\n", &[]).unwrap_err().to_string();
    assert!(
        error.contains("sever.listen")
            && error.contains("activity, aws, delivery, log, metrics, s3, server, store"),
        "{error}"
    );
    for text in
        ["listen = \"x\"\n", "server = 1\n", "[server.listen]\nx = 1\n", "[server.listen]\n[x]\ny = 2\n"]
    {
        assert!(matches!(from_file(text, &[]), Err(ConfigError::UnknownKey { .. })), "{text}");
    }
    for name in ["TRAILPOST__STORE__PASSWORD", "TRAILPOST__LISTEN", "TRAILPOST__"] {
        let error = from_environment(&[(name, "hunter2")]).unwrap_err().to_string();
        assert!(error.contains(name) && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_wrong_value_says_which_key_and_what_to_write() {
    for (name, value, key, advice) in [
        ("TRAILPOST__SERVER__LISTEN", "localhost", "server.listen", "127.0.0.1:8080"),
        ("TRAILPOST__SERVER__ROLE", "both", "server.role", "all, console or writer"),
        ("TRAILPOST__SERVER__TRUSTED_PROXIES", "10.0.0.0/8,me", "server.trusted_proxies", "10.0.0.0/8"),
        ("TRAILPOST__SERVER__MOST_CONNECTIONS", "0", "server.most_connections", "from 1 to 65536"),
        ("TRAILPOST__SERVER__PUBLIC_URL", "http://a.example", "server.public_url", "loopback"),
        ("TRAILPOST__STORE__URL", "mysql://a", "store.url", "sqlite:PATH"),
        ("TRAILPOST__AWS__PRINCIPAL_ARN", "arn:aws:iam::1:root", "aws.principal_arn", "12 digits"),
        (
            "TRAILPOST__AWS__FURTHER_PRINCIPAL_ARNS",
            GOV,
            "aws.further_principal_arns",
            "aws.principal_arn first",
        ),
        ("TRAILPOST__S3__ENDPOINT_URL", "s3.example.com", "s3.endpoint_url", "https://s3.example.com"),
        ("TRAILPOST__S3__REGION", "EU", "s3.region", "eu-west-1"),
        ("TRAILPOST__S3__PATH_STYLE", "1", "s3.path_style", "true or false"),
        ("TRAILPOST__S3__CHECKSUM", "md5", "s3.checksum", "sha256 or none"),
        ("TRAILPOST__S3__CONDITIONAL_WRITES", "yes", "s3.conditional_writes", "true or false"),
        ("TRAILPOST__DELIVERY__WINDOW_MINUTES", "7", "delivery.window_minutes", "20, 30 or 60"),
        ("TRAILPOST__DELIVERY__HOLD_DAYS", "0", "delivery.hold_days", "from 1 to 3650"),
        ("TRAILPOST__ACTIVITY__RETENTION_DAYS", "90d", "activity.retention_days", "from 1 to 3650"),
        ("TRAILPOST__LOG__FORMAT", "xml", "log.format", "text or json"),
        ("TRAILPOST__LOG__FILTER", "a=b=c", "log.filter", "trailpost=info,warn"),
    ] {
        let error = from_environment(&[(name, value)]).unwrap_err().to_string();
        assert!(error.starts_with(key) && error.contains(name) && error.contains(advice), "{error}");
    }
    let error = from_file("[server]\nlisten = [\"127.0.0.1:1\"]\n", &[]).unwrap_err().to_string();
    assert!(error.contains("not a list"), "{error}");
}

#[test]
fn lists_are_written_in_toml_or_with_commas() {
    let text = "[server]\ntrusted_proxies = [\"10.1.2.3/8\", \"::1\"]\n";
    let networks = |config: Config| {
        let networks = config.server().trusted_proxies().networks().iter().map(ToString::to_string);
        networks.collect::<Vec<_>>()
    };
    assert_eq!(networks(from_file(text, &[]).unwrap()), ["10.0.0.0/8", "::1/128"]);
    let name = "TRAILPOST__SERVER__TRUSTED_PROXIES";
    assert_eq!(networks(from_environment(&[(name, "10.0.0.0/8, ::1")]).unwrap()), ["10.0.0.0/8", "::1/128"]);
    assert!(networks(from_file(text, &[(name, "")]).unwrap()).is_empty());
}

#[test]
fn a_store_that_speaks_s3_is_described_as_it_is() {
    let text = "[s3]\nendpoint_url = \"https://s3.example.com/\"\nregion = \"eu\"\npath_style = true\n\
                checksum = \"none\"\nconditional_writes = false\n";
    let s3 = from_file(text, &[]).unwrap().s3().clone();
    assert_eq!(s3.url.unwrap().as_str(), "https://s3.example.com");
    assert_eq!(s3.region.as_deref(), Some("eu"));
    assert_eq!((s3.path_style, s3.checksum, s3.conditional_writes), (true, Checksum::None, false));
}

#[test]
fn a_principal_of_each_partition_makes_it_a_served_one() {
    let home = ("TRAILPOST__AWS__PRINCIPAL_ARN", "arn:aws:iam::999988887777:role/trailpost");
    let served =
        |further: &str| from_environment(&[home, ("TRAILPOST__AWS__FURTHER_PRINCIPAL_ARNS", further)]);
    let config = served(GOV).unwrap();
    assert_eq!(config.principals().as_slice().len(), 2);
    assert_eq!(
        config.effective()["aws"],
        json!({ "principal_arn": home.1, "further_principal_arns": [GOV] })
    );
    let error = served("arn:aws:iam::999988887777:role/other").unwrap_err().to_string();
    assert!(error.contains("in the partition aws,"), "{error}");
}

#[test]
fn what_does_not_go_together_is_refused() {
    let error = from_environment(&[("TRAILPOST__SERVER__ROLE", "console")]).unwrap_err().to_string();
    assert!(error.contains("PostgreSQL"), "{error}");
    let error = from_environment(&[("TRAILPOST__SERVER__LISTEN", "0.0.0.0:80")]).unwrap_err().to_string();
    assert!(error.starts_with("server.public_url"), "{error}");
    let postgres = [("TRAILPOST__STORE__URL", SECRET_URL), ("TRAILPOST__SERVER__LISTEN", "0.0.0.0:80")];
    assert!(from_environment(&postgres).is_err());
    let writer = [&postgres[..], &[("TRAILPOST__SERVER__ROLE", "writer")]].concat();
    assert!(from_environment(&writer).unwrap().server().public_url().is_err(), "a writer makes no links");
}

#[test]
fn records_are_held_no_longer_than_they_are_kept() {
    let config = Config::load(Flags::default(), NOBODY).unwrap();
    assert_eq!((Some(config.hold()), Some(config.retention())), (Days::new(30), Days::new(90)));
    let config = from_file("[delivery]\nhold_days = 7\n[activity]\nretention_days = 7\n", &[]).unwrap();
    assert_eq!((Some(config.hold()), Some(config.retention())), (Days::new(7), Days::new(7)));
    for text in ["[delivery]\nhold_days = 91\n", "[activity]\nretention_days = 29\n"] {
        let error = from_file(text, &[]).unwrap_err().to_string();
        assert!(error.starts_with("delivery.hold_days"), "{error}");
        assert!(error.contains("activity.retention_days") && error.contains("shorter"), "{error}");
    }
}

#[test]
fn no_password_is_ever_shown() {
    let config = from_environment(&[("TRAILPOST__STORE__URL", SECRET_URL)]).unwrap();
    assert_eq!(config.effective()["store"]["url"], "postgres://app:…@db.example/trailpost");
    let flags = Flags { store: Some(SECRET_URL.into()), ..Flags::default() };
    assert!(!format!("{config:?} {flags:?}").contains("hunter2"));
    for text in [
        "[store]\nurl = \"postgres//app:hunter2@db\"\n",
        "[store]\nurl = postgres://app:hunter2@db\n",
        "[store]\nurl = \"postgres://app:hunter2@db\n",
        "[store]\nurl = [\"postgres://app:hunter2@db\"]\n",
    ] {
        let error = from_file(text, &[]).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
    let error = from_file("[store]\nurl = postgres\n", &[]).unwrap_err().to_string();
    assert!(error.contains("line 2"), "{error}");
}
