//! The other end: which certificates a client of ours trusts. A pin is the one certificate and no other; what was
//! announced in the network is never one.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::{authorities, provider, sha256};

/// The certificates that a client trusts.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Those that a known authority vouches for.
    Authorities,
    /// The certificate with this fingerprint and no other, even if an authority vouches for it.
    Pinned(String),
    /// Either; the mark is set where it was the certificate with the fingerprint.
    Either(String, Arc<AtomicBool>),
}

/// Of a certificate in DER, as phones pin it: 64 hexadecimal digits.
pub fn fingerprint_of(leaf: &[u8]) -> String {
    sha256(leaf)
}

/// A fingerprint in one form: people write it in capitals, with colons and with `sha256:` before it. `None` for
/// anything else.
fn plain(fingerprint: &str) -> Option<String> {
    let lower = fingerprint.trim().to_ascii_lowercase();
    let digits = lower.strip_prefix("sha256:").unwrap_or(&lower).replace(':', "");
    let fits = digits.len() == 64 && digits.chars().all(|c| c.is_ascii_hexdigit());
    fits.then_some(digits)
}

/// TLS for a client. An error where the pin is no fingerprint.
pub fn client(trust: Trust) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(provider());
    let builder = builder.with_safe_default_protocol_versions()?;
    let pin = |text: &str| {
        plain(text).ok_or_else(|| Error::General("a fingerprint has 64 hexadecimal digits".into()))
    };
    let (own, vouched, mark) = match trust {
        Trust::Authorities => {
            return Ok(builder.with_root_certificates(authorities()).with_no_client_auth());
        }
        Trust::Pinned(text) => (pin(&text)?, false, Arc::default()),
        Trust::Either(text, mark) => (pin(&text)?, true, mark),
    };
    let known = WebPkiServerVerifier::builder_with_provider(Arc::new(authorities()), provider());
    let known = known.build().map_err(|error| Error::General(error.to_string()))?;
    let verifier = Arc::new(Verifier { own, vouched, mark, known });
    let config = builder.dangerous().with_custom_certificate_verifier(verifier);
    Ok(config.with_no_client_auth())
}

#[derive(Debug)]
struct Verifier {
    own: String,
    vouched: bool,
    mark: Arc<AtomicBool>,
    known: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if fingerprint_of(leaf) == self.own {
            self.mark.store(true, Ordering::Relaxed);
            return Ok(ServerCertVerified::assertion());
        }
        if self.vouched {
            return self.known.verify_server_cert(leaf, others, name, ocsp, now);
        }
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.known.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.known.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.known.supported_verify_schemes()
    }
}
