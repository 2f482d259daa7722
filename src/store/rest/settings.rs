//! How to reach a server, as MLflow's own client is told it: login, certificates, proxies.
//!
//! The variables and their order are those of `mlflow/utils/credentials.py` and `rest_utils.py`, and, for what they leave
//! to the `requests` library, of `requests.utils`.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ureq::tls::{Certificate, ClientCert, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Proxy, ProxyProtocol};

use super::address::Address;
use super::secret::Secret;
use crate::shown::shown;
use crate::store::Error;

/// The environment, or a test's idea of it.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// How to reach a server.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The header `Authorization`.
    pub authorization: Option<Secret>,
    /// The header `X-MLFLOW-WORKSPACE`.
    pub workspace: Option<String>,
    /// Roots, own certificate, and whether certificates are looked at.
    pub tls: TlsConfig,
    /// Through which proxy.
    pub proxy: Option<Proxy>,
    /// Which variable or file the login came from.
    pub source: &'static str,
    /// What must not be shown, wherever it turns up.
    secrets: Vec<Secret>,
}

impl Settings {
    /// What the environment and `~/.mlflow/credentials` say for a server.
    ///
    /// # Errors
    ///
    /// A sentence: a file cannot be read, is no certificate, or a credentials file is open to others.
    pub fn read(address: &Address, env: Environment<'_>, home: Option<&Path>) -> Result<Self, Error> {
        let set = |name: &str| env(name).filter(|text| !text.is_empty());
        if set("MLFLOW_TRACKING_AWS_SIGV4").is_some_and(|text| is_true(&text)) {
            let what = "MLFLOW_TRACKING_AWS_SIGV4 is set, and mltop cannot sign requests for AWS. Reach the server in \
                        another way, and unset it";
            return Err(Error(what.to_owned()));
        }
        let mut settings = Self { workspace: set("MLFLOW_WORKSPACE"), ..Self::default() };
        settings.log_in(address, &set, home)?;
        settings.tls = tls(&set)?;
        settings.proxy = proxy(address, &set)?;
        if let Some(password) = settings.proxy.as_ref().and_then(Proxy::password) {
            settings.secrets.push(Secret::new(password));
        }
        Ok(settings)
    }

    /// Basic before bearer, and what stands in the URI before all, as `requests` has it.
    fn log_in(
        &mut self,
        address: &Address,
        set: &dyn Fn(&str) -> Option<String>,
        home: Option<&Path>,
    ) -> Result<(), Error> {
        if let Some((user, password)) = address.login() {
            self.basic(user, password, "the user and password in the address");
            return Ok(());
        }
        let user = set("MLFLOW_TRACKING_USERNAME");
        let password = set("MLFLOW_TRACKING_PASSWORD");
        let is_whole = user.is_some() && password.is_some();
        let source =
            if is_whole { "MLFLOW_TRACKING_USERNAME and _PASSWORD" } else { "~/.mlflow/credentials" };
        let file = if is_whole { None } else { home.map(|home| home.join(".mlflow/credentials")) };
        let (file_user, file_password) = file.map_or(Ok((None, None)), |file| credentials(&file))?;
        if let (Some(user), Some(password)) = (user.or(file_user), password.or(file_password)) {
            self.basic(&user, &Secret::new(password), source);
        } else if let Some(token) = set("MLFLOW_TRACKING_TOKEN") {
            self.authorization = Some(Secret::new(format!("Bearer {token}")));
            self.source = "MLFLOW_TRACKING_TOKEN";
            self.secrets.push(Secret::new(token));
        }
        Ok(())
    }

    fn basic(&mut self, user: &str, password: &Secret, source: &'static str) {
        let encoded = BASE64_STANDARD.encode(format!("{user}:{}", password.reveal()));
        self.authorization = Some(Secret::new(format!("Basic {encoded}")));
        self.source = source;
        self.secrets.extend([Secret::new(encoded), password.clone()]);
    }

    /// A text of the server without what it must not show.
    pub fn masked(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| secret.hidden_in(&text))
    }
}

fn is_true(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "true" | "1")
}

/// User and password of a credentials file: INI, section `mlflow`. Nothing when there is no file.
fn credentials(file: &Path) -> Result<(Option<String>, Option<String>), Error> {
    use std::os::unix::fs::MetadataExt;
    let name = shown(&file.to_string_lossy());
    let Ok(meta) = file.metadata() else { return Ok((None, None)) };
    if meta.mode() & 0o077 != 0 {
        return Err(Error(format!("{name} can be read by others on this machine. Run: chmod 600 {name}")));
    }
    let text = read(file)?;
    let value = |wanted: &str| {
        let mut is_ours = false;
        let mut found = None;
        for line in text.lines() {
            if let Some(section) = line.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                is_ours = section == "mlflow";
            } else if let Some((key, value)) = line.split_once(['=', ':']).filter(|_| is_ours)
                && key.trim().eq_ignore_ascii_case(wanted)
            {
                found = Some(value.trim().to_owned());
            }
        }
        found.filter(|value| !value.is_empty())
    };
    Ok((value("mlflow_tracking_username"), value("mlflow_tracking_password")))
}

/// A small file that the user named.
fn read(file: &Path) -> Result<String, Error> {
    use std::io::Read;
    let mut text = String::new();
    std::fs::File::open(file)
        .and_then(|file| file.take(4 << 20).read_to_string(&mut text))
        .map_err(|error| Error(format!("{} cannot be read: {error}", shown(&file.to_string_lossy()))))?;
    Ok(text)
}

/// Whom to trust: `MLFLOW_TRACKING_INSECURE_TLS`, `MLFLOW_TRACKING_SERVER_CERT_PATH`, then the variables of `requests`;
/// else the roots of Mozilla. `MLFLOW_TRACKING_CLIENT_CERT_PATH` is our own certificate with its key.
fn tls(set: &dyn Fn(&str) -> Option<String>) -> Result<TlsConfig, Error> {
    let insecure = set("MLFLOW_TRACKING_INSECURE_TLS").is_some_and(|text| is_true(&text));
    let mut config = TlsConfig::builder().disable_verification(insecure);
    let names = ["MLFLOW_TRACKING_SERVER_CERT_PATH", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];
    let bundle = names.into_iter().find_map(|name| Some((name, set(name)?)));
    if let Some((name, path)) = bundle.filter(|_| !insecure) {
        let certificates = pem(name, &path)?.certificates;
        config = config.root_certs(RootCerts::new_with_certs(&certificates));
    }
    if let Some(path) = set("MLFLOW_TRACKING_CLIENT_CERT_PATH") {
        let own = pem("MLFLOW_TRACKING_CLIENT_CERT_PATH", &path)?;
        let Some(key) = own.key else {
            let path = shown(&path);
            return Err(Error(format!("MLFLOW_TRACKING_CLIENT_CERT_PATH: {path} has no private key in it")));
        };
        config = config.client_cert(Some(ClientCert::new_with_certs(&own.certificates, key)));
    }
    Ok(config.build())
}

struct Pem {
    certificates: Vec<Certificate<'static>>,
    key: Option<ureq::tls::PrivateKey<'static>>,
}

fn pem(variable: &str, path: &str) -> Result<Pem, Error> {
    let text = read(&PathBuf::from(path)).map_err(|error| Error(format!("{variable}: {error}")))?;
    let mut pem = Pem { certificates: Vec::new(), key: None };
    for item in parse_pem(text.as_bytes()).flatten() {
        match item {
            PemItem::Certificate(certificate) => pem.certificates.push(certificate),
            PemItem::PrivateKey(key) => pem.key = Some(key),
            _ => {}
        }
    }
    if pem.certificates.is_empty() {
        return Err(Error(format!("{variable}: {} has no certificate in it", shown(path))));
    }
    Ok(pem)
}

/// The proxy for a server: `http_proxy` or `https_proxy` after its scheme, else `all_proxy`; small letters go first.
fn proxy(address: &Address, set: &dyn Fn(&str) -> Option<String>) -> Result<Option<Proxy>, Error> {
    let either = |name: &str| Some((name.to_owned(), set(name).or_else(|| set(&name.to_ascii_uppercase()))?));
    let own = if address.is_encrypted() { "https_proxy" } else { "http_proxy" };
    let Some((name, uri)) = either(own).or_else(|| either("all_proxy")) else { return Ok(None) };
    let spared = either("no_proxy").map(|(_, list)| list).unwrap_or_default();
    if is_spared(address, &spared) {
        return Ok(None);
    }
    let proxy = Proxy::new(&uri).ok();
    let proxy = proxy.filter(|proxy| matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https));
    let proxy = proxy.ok_or_else(|| {
        Error(format!("{name}: {} is no proxy that mltop can use (http:// or https://)", super::masked(&uri)))
    })?;
    Ok(Some(proxy))
}

/// Whether `no_proxy` names a server (`requests.utils.should_bypass_proxies`): `*`, an address, a network, or the end of
/// its name.
fn is_spared(address: &Address, list: &str) -> bool {
    let host = address.host();
    let with_port = format!("{host}:{}", address.port());
    let ip: Option<Ipv4Addr> = host.parse().ok();
    list.replace(' ', "").split(',').filter(|entry| !entry.is_empty()).any(|entry| {
        if let (Some(ip), Some((network, bits))) = (ip, entry.split_once('/'))
            && let (Ok(network), Ok(bits @ 0..=32)) = (network.parse::<Ipv4Addr>(), bits.parse::<u32>())
        {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            return u32::from(ip) & mask == u32::from(network) & mask;
        }
        let entry = entry.to_ascii_lowercase();
        entry == "*"
            || if ip.is_some() {
                entry == host
            } else {
                host.ends_with(&entry) || with_port.ends_with(&entry)
            }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn read_with(uri: &str, variables: &[(&str, &str)], home: Option<&Path>) -> Result<Settings, Error> {
        let env =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Settings::read(&Address::parse(uri).unwrap(), &env, home)
    }

    fn header(settings: &Settings) -> Option<&str> {
        settings.authorization.as_ref().map(Secret::reveal)
    }

    #[test]
    fn logins_in_mlflows_order() {
        let user = ("MLFLOW_TRACKING_USERNAME", "alice");
        let password = ("MLFLOW_TRACKING_PASSWORD", "s3cret");
        let token = ("MLFLOW_TRACKING_TOKEN", "t0ken");
        let basic = Some("Basic YWxpY2U6czNjcmV0");
        for (uri, variables, want) in [
            ("http://h", vec![], None),
            ("http://h", vec![user, password], basic),
            ("http://h", vec![user, password, token], basic),
            ("http://h", vec![user, token], Some("Bearer t0ken")),
            ("http://h", vec![("MLFLOW_TRACKING_TOKEN", "")], None),
            ("http://alice:s3cret@h", vec![token], basic),
        ] {
            let settings = read_with(uri, &variables, None).unwrap();
            assert_eq!(header(&settings), want, "{uri} {variables:?}");
            assert!(
                !format!("{settings:?}").contains("s3cret") && !format!("{settings:?}").contains("t0ken")
            );
            assert!(
                !settings.masked("no s3cret, t0ken, YWxpY2U6czNjcmV0").contains("s3cret")
                    || want.is_none()
                    || want != basic
            );
        }
    }

    #[test]
    fn a_credentials_file_fills_what_is_missing() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join(".mlflow/credentials");
        std::fs::create_dir(file.parent().unwrap()).unwrap();
        let text = "[other]\nmlflow_tracking_username = no\n[mlflow]\n# who\nmlflow_tracking_username = bob\nmlflow_tracking_password: p=w:1\n";
        std::fs::write(&file, text).unwrap();
        let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        mode(0o644);
        let error = read_with("http://h", &[], Some(home.path())).unwrap_err().to_string();
        assert!(error.contains("chmod 600"), "{error}");
        mode(0o600);
        let settings = read_with("http://h", &[], Some(home.path())).unwrap();
        assert_eq!(
            header(&settings),
            Some(format!("Basic {}", BASE64_STANDARD.encode("bob:p=w:1"))).as_deref()
        );
        let settings =
            read_with("http://h", &[("MLFLOW_TRACKING_USERNAME", "eve")], Some(home.path())).unwrap();
        assert_eq!(
            header(&settings),
            Some(format!("Basic {}", BASE64_STANDARD.encode("eve:p=w:1"))).as_deref()
        );
    }

    #[test]
    fn proxies_by_scheme_and_who_is_spared() {
        let proxies = [
            ("http_proxy", "http://p:3128"),
            ("HTTPS_PROXY", "q:8080"),
            ("NO_PROXY", "localhost, .corp,10.0.0.0/8"),
        ];
        for (uri, want) in [
            ("http://h", Some("p")),
            ("https://h", Some("q")),
            ("http://localhost:5000", None),
            ("http://x.corp", None),
            ("http://10.1.2.3", None),
            ("http://11.1.2.3", Some("p")),
        ] {
            let settings = read_with(uri, &proxies, None).unwrap();
            assert_eq!(settings.proxy.as_ref().map(Proxy::host), want, "{uri}");
        }
        let error =
            read_with("http://h", &[("all_proxy", "socks5://me:SECRET@p")], None).unwrap_err().to_string();
        assert!(error.contains("all_proxy") && !error.contains("SECRET"), "{error}");
    }

    #[test]
    fn certificates_that_are_none_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        std::fs::write(&path, "rubbish").unwrap();
        for name in
            ["MLFLOW_TRACKING_SERVER_CERT_PATH", "REQUESTS_CA_BUNDLE", "MLFLOW_TRACKING_CLIENT_CERT_PATH"]
        {
            let error =
                read_with("https://h", &[(name, path.to_str().unwrap())], None).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("no certificate"), "{error}");
        }
        let both =
            [("MLFLOW_TRACKING_INSECURE_TLS", "true"), ("MLFLOW_TRACKING_SERVER_CERT_PATH", "/nowhere")];
        assert!(read_with("https://h", &both, None).unwrap().tls.disable_verification());
    }
}
