//! The operator's configuration. `config.default.toml` holds the defaults and is the manual; over it lie a file, the
//! environment and flags. Every value is parsed once, here, into a type that can't hold a wrong one.

mod layers;
#[cfg(test)]
mod tests;
mod values;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::domain::days::Days;
use crate::domain::principal_arn::PrincipalArn;
use crate::domain::principals::Principals;
use crate::domain::s3_endpoint::{EndpointUrl, S3Endpoint};
use crate::domain::window::WindowLength;
use crate::store::StoreUrl;
use crate::web::{MetricsToken, PublicUrl, TrustedProxies};
use layers::Layers;

pub use layers::{ConfigError, Origin};
pub use values::{LogFilter, LogFormat, ProcessRole};

const MOST_SERVED: RangeInclusive<u32> = 1..=65_536;
/// One connection may wait for another of the same request.
const MOST_TO_THE_STORE: RangeInclusive<u32> = 4..=1000;

/// What the command line says of the configuration. Empty where a flag was not given.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--config`: the file.
    pub file: Option<PathBuf>,
    /// `--listen`
    pub listen: Option<String>,
    /// `--public-url`
    pub public_url: Option<String>,
    /// `--role`
    pub role: Option<String>,
    /// `--store`, which may hold a password.
    pub store: Option<SecretString>,
    /// `--data-dir`
    pub data_dir: Option<String>,
}

/// The configuration in force.
#[derive(Clone, Debug)]
pub struct Config {
    server: ServerConfig,
    store: StoreConfig,
    principals: Principals,
    s3: S3Endpoint,
    window: WindowLength,
    hold: Days,
    retention: Days,
    metrics: MetricsSettings,
    log: LogConfig,
}

/// Section `server`.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    listen: SocketAddr,
    public_url: Option<PublicUrl>,
    role: ProcessRole,
    trusted_proxies: TrustedProxies,
    most_connections: NonZeroUsize,
}

/// Section `store`.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    url: StoreUrl,
    data_dir: PathBuf,
    most_connections: u32,
}

/// Section `metrics`.
#[derive(Clone, Debug)]
pub struct MetricsSettings {
    listen: Option<SocketAddr>,
    token: Option<MetricsToken>,
}

/// Section `log`.
#[derive(Clone, Debug)]
pub struct LogConfig {
    format: LogFormat,
    filter: LogFilter,
}

impl Config {
    /// Lays file, environment and flags over the defaults, and parses what that comes to.
    ///
    /// # Errors
    /// The file can't be read, a key does not exist, or a value can't be used; each says where it came from.
    pub fn load(
        flags: Flags,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Config, ConfigError> {
        let mut layers = Layers::defaults();
        if let Some(file) = &flags.file {
            layers.lay_file(file)?;
        }
        layers.lay_environment(environment)?;
        lay_flags(&mut layers, flags)?;
        let config = Config::parse(&layers)?;
        config.check_together(&layers)?;
        Ok(config)
    }

    fn parse(layers: &Layers) -> Result<Config, ConfigError> {
        let minutes = "write 1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30 or 60";
        Ok(Config {
            server: ServerConfig::parse(layers)?,
            store: StoreConfig::parse(layers)?,
            principals: principals(layers)?,
            s3: s3_endpoint(layers)?,
            window: layers
                .value("delivery.window_minutes", |text| text.parse().map_err(|_| minutes.to_owned()))?,
            hold: layers.value("delivery.hold_days", parsed)?,
            retention: layers.value("activity.retention_days", parsed)?,
            metrics: MetricsSettings {
                listen: layers.optional("metrics.listen", address)?,
                token: layers.optional("metrics.token", parsed)?,
            },
            log: LogConfig {
                format: layers.value("log.format", parsed)?,
                filter: layers.value("log.filter", parsed)?,
            },
        })
    }

    /// The rules that hold between keys.
    fn check_together(&self, layers: &Layers) -> Result<(), ConfigError> {
        let ServerConfig { listen, public_url, role, .. } = &self.server;
        if matches!(self.store.url, StoreUrl::Sqlite(_)) && *role != ProcessRole::All {
            let reason = format!(
                "“{}” needs PostgreSQL, because one process at a time serves a SQLite database; write all, or set \
                 store.url",
                role.as_str()
            );
            return Err(layers.wrong("server.role", reason));
        }
        if public_url.is_none() && !listen.ip().is_loopback() && *role != ProcessRole::Writer {
            let reason = format!(
                "state it, such as https://console.example.com: {listen} is not a loopback address, and browsers \
                 reach it by another name"
            );
            return Err(layers.wrong("server.public_url", reason));
        }
        let (hold, retention) = (self.hold, self.retention);
        if hold > retention {
            let reason = format!(
                "{hold} days are more than the {retention} of activity.retention_days, after which records are \
                 deleted; hold them for a shorter time, or keep them longer"
            );
            return Err(layers.wrong("delivery.hold_days", reason));
        }
        Ok(())
    }

    /// Section `server`.
    pub fn server(&self) -> &ServerConfig {
        &self.server
    }

    /// Section `store`.
    pub fn store(&self) -> &StoreConfig {
        &self.store
    }

    /// Whom customers' roles have to trust, as far as it is stated: the partitions that are served.
    pub fn principals(&self) -> &Principals {
        &self.principals
    }

    /// Section `s3`.
    pub fn s3(&self) -> &S3Endpoint {
        &self.s3
    }

    /// The delivery window of a new integration.
    pub fn window(&self) -> WindowLength {
        self.window
    }

    /// How long a record waits for its delivery at most; never longer than records are kept.
    pub fn hold(&self) -> Days {
        self.hold
    }

    /// How long records, deliveries and access checks are kept.
    pub fn retention(&self) -> Days {
        self.retention
    }

    /// Section `metrics`.
    pub fn metrics(&self) -> &MetricsSettings {
        &self.metrics
    }

    /// Section `log`.
    pub fn log(&self) -> &LogConfig {
        &self.log
    }

    /// What is in force, section by section, by the names of the keys; without secrets.
    pub fn effective(&self) -> Value {
        let ServerConfig { listen, role, trusted_proxies, most_connections, .. } = &self.server;
        let public_url = self.server.public_url();
        let principal_arns: Vec<_> = self.principals.as_slice().iter().map(PrincipalArn::as_str).collect();
        let networks = trusted_proxies.networks().iter().map(ToString::to_string);
        json!({
            "server": {
                "listen": listen.to_string(),
                "public_url": public_url.map(|url| url.origin()).unwrap_or_default(),
                "role": role.as_str(),
                "trusted_proxies": networks.collect::<Vec<_>>(),
                "most_connections": most_connections,
            },
            "store": {
                "url": self.store.url.to_string(),
                "data_dir": self.store.data_dir.display().to_string(),
                "most_connections": self.store.most_connections,
            },
            "aws": {
                "principal_arn": principal_arns.first().unwrap_or(&""),
                "further_principal_arns": principal_arns.get(1..).unwrap_or_default(),
            },
            "s3": {
                "endpoint_url": self.s3.url.as_ref().map_or("", EndpointUrl::as_str),
                "region": self.s3.region.as_deref().unwrap_or_default(),
                "path_style": self.s3.path_style,
                "checksum": self.s3.checksum.as_str(),
                "conditional_writes": self.s3.conditional_writes,
            },
            "delivery": { "window_minutes": self.window, "hold_days": self.hold },
            "activity": { "retention_days": self.retention },
            "metrics": {
                "listen": self.metrics.listen.map(|address| address.to_string()).unwrap_or_default(),
                "token": self.metrics.token.as_ref().map_or("", |_| "…"),
            },
            "log": { "format": self.log.format.as_str(), "filter": self.log.filter.as_str() },
        })
    }
}

fn lay_flags(layers: &mut Layers, flags: Flags) -> Result<(), ConfigError> {
    let store = flags.store.map(|url| url.expose_secret().to_owned());
    layers.lay_flag("server.listen", "--listen", flags.listen)?;
    layers.lay_flag("server.public_url", "--public-url", flags.public_url)?;
    layers.lay_flag("server.role", "--role", flags.role)?;
    layers.lay_flag("store.url", "--store", store)?;
    layers.lay_flag("store.data_dir", "--data-dir", flags.data_dir)
}

impl ServerConfig {
    fn parse(layers: &Layers) -> Result<ServerConfig, ConfigError> {
        let most = layers.value("server.most_connections", |text| number(text, MOST_SERVED))?;
        Ok(ServerConfig {
            listen: layers.value("server.listen", address)?,
            public_url: layers.optional("server.public_url", parsed)?,
            role: layers.value("server.role", parsed)?,
            trusted_proxies: TrustedProxies::new(layers.list("server.trusted_proxies", network)?),
            most_connections: usize::try_from(most)
                .ok()
                .and_then(NonZeroUsize::new)
                .unwrap_or(NonZeroUsize::MIN),
        })
    }

    /// Where to listen.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Where browsers reach a console that listens on `address`: as stated, else that address, if it is loopback.
    pub fn public_url_on(&self, address: SocketAddr) -> Option<PublicUrl> {
        self.public_url.clone().or_else(|| format!("http://{address}").parse().ok())
    }

    /// Where browsers reach the console, known without listening: what the links begin with that a command prints.
    ///
    /// # Errors
    /// It is not stated, and the port is only known once it is taken.
    pub fn public_url(&self) -> Result<PublicUrl, ConfigError> {
        let known = self.public_url.is_some() || self.listen.port() != 0;
        self.public_url_on(self.listen).filter(|_| known).ok_or_else(|| ConfigError::Wrong {
            key: "server.public_url",
            origin: Origin::Default,
            reason: "state it, such as https://console.example.com: the link has to begin with it".to_owned(),
        })
    }

    /// What this process does.
    pub fn role(&self) -> ProcessRole {
        self.role
    }

    /// Whose word about a client's address is believed.
    pub fn trusted_proxies(&self) -> &TrustedProxies {
        &self.trusted_proxies
    }

    /// How many connections are served at once.
    pub fn most_connections(&self) -> NonZeroUsize {
        self.most_connections
    }
}

impl StoreConfig {
    fn parse(layers: &Layers) -> Result<StoreConfig, ConfigError> {
        let data_dir = layers.value("store.data_dir", |text| match text {
            "" => Err("write the path of a folder, such as trailpost-data".to_owned()),
            path => Ok(PathBuf::from(path)),
        })?;
        let url = layers.optional("store.url", parsed)?;
        Ok(StoreConfig {
            url: url.unwrap_or_else(|| StoreUrl::in_data_folder(&data_dir)),
            data_dir,
            most_connections: layers
                .value("store.most_connections", |text| number(text, MOST_TO_THE_STORE))?,
        })
    }

    /// Which database.
    pub fn url(&self) -> &StoreUrl {
        &self.url
    }

    /// How many connections to a server of PostgreSQL's are held at most.
    pub fn most_connections(&self) -> u32 {
        self.most_connections
    }
}

impl MetricsSettings {
    /// Where a monitoring system is listened to, apart from everybody else.
    pub fn listen(&self) -> Option<SocketAddr> {
        self.listen
    }

    /// What it presents.
    pub fn token(&self) -> Option<&MetricsToken> {
        self.token.as_ref()
    }
}

impl LogConfig {
    /// How a line looks.
    pub fn format(&self) -> LogFormat {
        self.format
    }

    /// What is logged.
    pub fn filter(&self) -> &LogFilter {
        &self.filter
    }
}

/// The home partition's principal, and those of further ones.
fn principals(layers: &Layers) -> Result<Principals, ConfigError> {
    const FURTHER: &str = "aws.further_principal_arns";
    let home: Option<PrincipalArn> = layers.optional("aws.principal_arn", parsed)?;
    let further = layers.list(FURTHER, parsed)?;
    if home.is_none() && !further.is_empty() {
        return Err(layers.wrong(FURTHER, "set aws.principal_arn first: these are further ones"));
    }
    Principals::new(home.into_iter().chain(further).collect())
        .map_err(|error| layers.wrong(FURTHER, error.to_string()))
}

fn s3_endpoint(layers: &Layers) -> Result<S3Endpoint, ConfigError> {
    Ok(S3Endpoint {
        url: layers.optional("s3.endpoint_url", parsed)?,
        region: layers.optional("s3.region", region)?,
        path_style: layers.value("s3.path_style", flag)?,
        checksum: layers.value("s3.checksum", parsed)?,
        conditional_writes: layers.value("s3.conditional_writes", flag)?,
    })
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let advice = "write an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080";
    text.parse().map_err(|_| advice.to_owned())
}

fn region(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    match text.bytes().all(allowed) {
        true => Ok(text.to_owned()),
        false => Err("write a region in lower case, such as eu-west-1".to_owned()),
    }
}

fn flag(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "write true or false".to_owned())
}

fn parsed<T: FromStr>(text: &str) -> Result<T, String>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| error.to_string())
}

fn number(text: &str, range: RangeInclusive<u32>) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("write a whole number from {} to {}", range.start(), range.end()))
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<std::net::IpAddr>().map(IpNet::from);
    let parsed = text.parse::<IpNet>().or_else(|_| address());
    parsed
        .map(|network| network.trunc())
        .map_err(|_| format!("“{text}” is neither an IP address nor a network such as 10.0.0.0/8"))
}
