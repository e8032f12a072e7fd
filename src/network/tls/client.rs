//! The other end: which certificates a client of ours trusts. A pin is the one certificate and no other; what was
//! announced in the network is never one.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::{authorities, provider};

/// The SHA-256 of a certificate in DER.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of this certificate.
    pub fn of(leaf: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, leaf).as_ref());
        Self(bytes)
    }

    /// Reads 64 hexadecimal digits of either case, with colons or not, with `sha256:` before them or not.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let digits = text.strip_prefix("sha256:").unwrap_or(&text).replace(':', "");
        let mut bytes = [0; 32];
        let decoded = HEXLOWER.decode(digits.as_bytes()).ok()?;
        (decoded.len() == bytes.len()).then(|| bytes.copy_from_slice(&decoded))?;
        Some(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The certificates that a client trusts.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Those that a known authority vouches for.
    Authorities,
    /// The certificate with this fingerprint and no other, even if an authority vouches for it.
    Pinned(Fingerprint),
    /// Either; the mark is set where it was the certificate with the fingerprint.
    Either(Fingerprint, Arc<AtomicBool>),
}

/// TLS for a client.
pub fn client(trust: Trust) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(provider());
    let builder = builder.with_safe_default_protocol_versions()?;
    let (own, vouched, mark) = match trust {
        Trust::Authorities => {
            return Ok(builder.with_root_certificates(authorities()).with_no_client_auth());
        }
        Trust::Pinned(own) => (own, false, Arc::default()),
        Trust::Either(own, mark) => (own, true, mark),
    };
    let known = WebPkiServerVerifier::builder_with_provider(Arc::new(authorities()), provider());
    let known = known.build().map_err(|error| Error::General(error.to_string()))?;
    let verifier = Arc::new(Verifier { own, vouched, mark, known });
    let config = builder.dangerous().with_custom_certificate_verifier(verifier);
    Ok(config.with_no_client_auth())
}

#[derive(Debug)]
struct Verifier {
    own: Fingerprint,
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
        if Fingerprint::of(leaf) == self.own {
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
