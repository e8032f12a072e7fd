//! TLS to a gateway: the public authorities, or one certificate known by its fingerprint. A pin is final: nothing that
//! is learnt on the way replaces it, and a certificate that an authority vouches for does not either.

use std::fmt;

use rustls::{ClientConfig, Error};

use crate::network::tls::{Trust, client};

/// The SHA-256 of a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Reads 64 hexadecimal digits of either case, with colons or not, with `sha256:` before them or not.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let text = text.strip_prefix("sha256:").unwrap_or(&text);
        let digits: Vec<u32> =
            text.chars().filter(|c| *c != ':').map(|c| c.to_digit(16)).collect::<Option<_>>()?;
        if digits.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            *byte = u8::try_from(pair[0] << 4 | pair[1]).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a client believes.
pub(super) fn config(pin: Option<Fingerprint>) -> Result<ClientConfig, Error> {
    client(pin.map_or(Trust::Authorities, |pin| Trust::Pinned(pin.to_string())))
}

/// True where the other end showed a certificate that is not believed.
pub(super) fn is_distrust(error: &std::io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    matches!(inner, Some(Error::InvalidCertificate(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_tools_print_it() {
        let plain = "00ff".repeat(16);
        let known = Fingerprint::parse(&plain).unwrap();
        let colons: Vec<_> = plain.as_bytes().chunks(2).map(String::from_utf8_lossy).collect();
        for text in [format!("SHA256:{}", colons.join(":").to_uppercase()), format!(" {plain} ")] {
            assert_eq!(Fingerprint::parse(&text), Some(known), "{text}");
        }
        assert_eq!(known.to_string(), plain);
        for text in ["", "00", &"0".repeat(63), &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(Fingerprint::parse(text), None, "{text}");
        }
    }
}
