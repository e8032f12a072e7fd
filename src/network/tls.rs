//! TLS on the port: a certificate of the owner's, or one that is made once. Phones pin it by its fingerprint, so
//! it is kept; another one would be another gateway to them.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use openclaw_plugin_sdk::UnixMs;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    config::gateway::Tls,
    store::{paths::StateDir, private},
    text,
};

mod client;

pub use self::client::{Fingerprint, Trust, client};
pub use crate::text::TlsError;

/// TLS, ready to be spoken.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "it holds a private key")]
pub struct Served {
    /// Speaks it on an accepted connection.
    pub acceptor: TlsAcceptor,
    /// What phones pin.
    pub fingerprint: Fingerprint,
}

/// What stands in a certificate that is made here.
#[derive(Clone, Debug)]
pub struct Names {
    /// Names and addresses of this gateway, beside those of every machine.
    pub hosts: Vec<String>,
    /// The time: it is good for ten years from here.
    pub now: UnixMs,
}

/// The certificate and its key: those that are named, else those that were made, else new ones.
pub fn load(tls: &Tls, state: &StateDir, names: &Names) -> Result<Served, TlsError> {
    let (cert, key) = files(tls, state);
    if tls.cert_path.is_none() && private::read(&cert)?.is_none() {
        if !tls.auto_generate {
            return Err(TlsError::Missing(cert, text::NONE_MADE));
        }
        make(&cert, &key, names)?;
    }
    serve(&cert, &key)
}

/// What phones pin, without making anything; `None` where there is no certificate yet, or no TLS.
pub fn fingerprint(tls: &Tls, state: &StateDir) -> Result<Option<Fingerprint>, TlsError> {
    let (cert, _) = files(tls, state);
    if !tls.enabled || private::read(&cert)?.is_none() {
        return Ok(None);
    }
    Ok(Some(chain(&cert)?.0))
}

fn files(tls: &Tls, state: &StateDir) -> (PathBuf, PathBuf) {
    let cert = tls.cert_path.clone().unwrap_or_else(|| state.certificate());
    (cert, tls.key_path.clone().unwrap_or_else(|| state.certificate_key()))
}

/// The fingerprint of a certificate, and the certificate with those that vouch for it.
fn chain(path: &Path) -> Result<(Fingerprint, Vec<CertificateDer<'static>>), TlsError> {
    let missing = || TlsError::Missing(path.to_owned(), text::NO_CERTIFICATE);
    let pem = private::read(path)?.ok_or_else(missing)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let chain = chain.unwrap_or_default();
    let leaf = chain.first().ok_or_else(|| TlsError::NoPem(path.to_owned(), "certificate"))?;
    Ok((Fingerprint::of(leaf), chain))
}

fn serve(cert: &Path, key: &Path) -> Result<Served, TlsError> {
    let (fingerprint, chain) = chain(cert)?;
    let missing = || TlsError::Missing(key.to_owned(), text::NO_KEY);
    let pem = private::read(key)?.ok_or_else(missing)?;
    let private = PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|_| TlsError::NoPem(key.to_owned(), "private key"))?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| TlsError::Mismatch {
            cert: cert.to_owned(),
            key: key.to_owned(),
            why: error.to_string(),
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Served { acceptor: TlsAcceptor::from(Arc::new(config)), fingerprint })
}

/// The key is written first: a certificate that is there is whole, and was perhaps pinned already.
fn make(cert: &Path, key: &Path, names: &Names) -> Result<(), TlsError> {
    let pair = KeyPair::generate()?;
    let certificate = params(names)?.self_signed(&pair)?;
    private::replace(key, pair.serialize_pem().as_bytes())?;
    private::replace(cert, certificate.pem().as_bytes())?;
    if let Some(folder) = cert.parent() {
        private::sync(folder)?;
    }
    Ok(())
}

fn params(names: &Names) -> Result<CertificateParams, TlsError> {
    const NAME: &str = "openclaw-gateway";
    let mut params = CertificateParams::new(vec![NAME.to_owned(), "localhost".to_owned()])?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, NAME);
    let here = ["127.0.0.1".to_owned(), "::1".to_owned()];
    for host in here.iter().chain(&names.hosts) {
        let name = match host.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => match host.as_str().try_into() {
                Ok(name) => SanType::DnsName(name),
                Err(_) => continue,
            },
        };
        if !params.subject_alt_names.contains(&name) {
            params.subject_alt_names.push(name);
        }
    }
    let year = |at: UnixMs| {
        let at = jiff::Timestamp::from_millisecond(i64::try_from(at.0).unwrap_or_default());
        let at = at.unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC);
        i32::from(at.year())
    };
    let now = year(names.now);
    params.not_before = rcgen::date_time_ymd(now - 1, 1, 1);
    params.not_after = rcgen::date_time_ymd(now + 10, 12, 31);
    Ok(params)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The certificate authorities that browsers know.
fn authorities() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

#[cfg(test)]
mod tests;
