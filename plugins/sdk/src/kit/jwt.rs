//! Tokens by which a platform proves that a request is its own: JWTs signed by RS256. What costs nothing is looked at
//! before the signature, and the keys come from one place alone.

use std::{collections::HashMap, sync::Arc, time::Duration};

use data_encoding::BASE64URL_NOPAD;
use http::{Request, StatusCode};
use reqwest::{Client, Url, header::HeaderMap};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::{sync::Mutex, time::Instant};
use webpki::EndEntityCert;

use super::api;
use crate::{UnixMs, http_client};

/// The clocks of the two sides may differ by so much.
const SKEW: Duration = Duration::from_mins(5);

/// No platform's token lives longer.
const LONGEST_LIFE: Duration = Duration::from_hours(24);

const LONGEST_PART: usize = 8 << 10;
const LONGEST_SET: usize = 256 << 10;
const MOST_KEYS: usize = 64;

/// Keys are asked for no more often, whatever tokens name; and a little more often while there are none.
const PAUSE: Duration = Duration::from_mins(1);
const PAUSE_WITHOUT_KEYS: Duration = Duration::from_secs(10);

/// Who asks waits meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);

/// Keys are used for as long as their place says, within these bounds; and for this much longer while no others can be
/// fetched.
const SHORTEST_USE: Duration = Duration::from_hours(1);
const LONGEST_USE: Duration = Duration::from_hours(24);
const STALE: Duration = Duration::from_hours(24);

/// What a token has to say.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// One of them has issued it.
    pub issuers: &'a [&'a str],
    /// For exactly this audience.
    pub audience: &'a str,
    /// Its key is endorsed for this, in the way of Microsoft's key sets.
    pub endorsed: Option<&'a str>,
}

/// Why a token is not taken. Nothing of the token is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It cannot be judged for now.
    #[error("the keys that tokens are judged by cannot be fetched: {0}")]
    NoKeys(String),
    /// It is not the platform's.
    #[error("a token that {0}")]
    Token(&'static str),
}

impl Refused {
    /// What the platform is answered.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NoKeys(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Token(_) => StatusCode::UNAUTHORIZED,
        }
    }
}

/// The token in the header `Authorization` of a request.
pub fn bearer<B>(request: &Request<B>) -> Option<&str> {
    let value = request.headers().get("authorization")?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// The published keys of an issuer.
#[derive(Debug)]
pub struct Keys {
    client: Result<Client, String>,
    url: Url,
    cached: Mutex<Cached>,
}

#[derive(Debug, Default)]
struct Cached {
    keys: HashMap<String, Arc<Key>>,
    /// When they were fetched, and for how long they are good.
    fetched: Option<(Instant, Duration)>,
    /// When they were last asked for, and why that failed.
    asked: Option<Instant>,
    failed: Option<String>,
}

#[derive(Debug)]
enum Key {
    Certificate(CertificateDer<'static>),
    Rsa { n: Vec<u8>, e: Vec<u8>, endorsements: Vec<String> },
}

impl Keys {
    /// The keys at this address: a JWK set, metadata of an issuer that names one at the same host, or certificates in PEM by
    /// the ids of their keys. They are fetched when a token needs them.
    pub fn at(url: Url) -> Self {
        Self { client: api::client(&url, PATIENCE), url, cached: Mutex::default() }
    }

    /// The claims of a token that is signed with one of the keys and says what is expected.
    pub async fn verify<T: DeserializeOwned>(
        &self,
        token: &str,
        expected: &Expected<'_>,
        now: UnixMs,
    ) -> Result<T, Refused> {
        let token = Token::read(token, expected, now).map_err(Refused::Token)?;
        let key = self.key(&token.kid).await?;
        key.check(&token, expected.endorsed).map_err(Refused::Token)?;
        serde_json::from_value(token.claims).map_err(|_| Refused::Token("lacks a claim"))
    }

    /// One fetch at a time, for all who wait.
    async fn key(&self, kid: &str) -> Result<Arc<Key>, Refused> {
        let mut cached = self.cached.lock().await;
        if !(cached.is_good_for(Duration::ZERO) && cached.keys.contains_key(kid))
            && cached.may_ask()
        {
            cached.asked = Some(Instant::now());
            // Stays so where who waits goes away.
            cached.failed = Some("the fetch broke off".to_owned());
            cached.failed = match self.fetch().await {
                Ok((keys, use_for)) => {
                    (cached.keys, cached.fetched) = (keys, Some((Instant::now(), use_for)));
                    None
                }
                Err(why) => {
                    tracing::warn!(
                        host = self.url.host_str(),
                        "the keys of tokens cannot be fetched: {why}"
                    );
                    Some(why)
                }
            };
        }
        if !cached.is_good_for(STALE) {
            cached.keys.clear();
        }
        match (cached.keys.get(kid), &cached.failed) {
            (Some(key), _) => Ok(Arc::clone(key)),
            (None, Some(why)) => Err(Refused::NoKeys(why.clone())),
            (None, None) => Err(Refused::Token("names a key that its issuer does not have")),
        }
    }

    async fn fetch(&self) -> Result<(HashMap<String, Arc<Key>>, Duration), String> {
        let (mut body, mut use_for) = self.ask(self.url.clone()).await?;
        if let Some(set) = body["jwks_uri"].as_str() {
            let host = self.url.host_str().unwrap_or_default();
            let set = http_client::trusted(set, host, &self.url);
            let set = set.ok_or("their address is at another host")?;
            (body, use_for) = self.ask(set).await?;
        }
        let keys = keys(&body);
        if keys.is_empty() { Err("there are none".to_owned()) } else { Ok((keys, use_for)) }
    }

    async fn ask(&self, url: Url) -> Result<(Value, Duration), String> {
        let sent = self.client.as_ref()?.get(url).send().await;
        let response = sent.and_then(reqwest::Response::error_for_status);
        let response = response.map_err(|error| http_client::describe(&error))?;
        let use_for = use_for(response.headers());
        let body = http_client::body_within(response, LONGEST_SET).await;
        let body = body.map_err(|unread| unread.to_string())?;
        let body = serde_json::from_slice(&body).map_err(|_| "they cannot be read")?;
        Ok((body, use_for))
    }
}

impl Cached {
    fn is_good_for(&self, longer: Duration) -> bool {
        self.fetched.is_some_and(|(at, use_for)| at.elapsed() < use_for + longer)
    }

    fn may_ask(&self) -> bool {
        let pause = if self.keys.is_empty() { PAUSE_WITHOUT_KEYS } else { PAUSE };
        self.asked.is_none_or(|at| at.elapsed() >= pause)
    }
}

/// A token that says what is expected, and is not judged yet.
struct Token<'a> {
    kid: String,
    claims: Value,
    signed: &'a [u8],
    signature: Vec<u8>,
}

impl<'a> Token<'a> {
    fn read(token: &'a str, expected: &Expected<'_>, now: UnixMs) -> Result<Self, &'static str> {
        let parts: Vec<&str> = token.splitn(4, '.').collect();
        let [header, claims, signature] = parts[..] else { return Err("has not three parts") };
        if parts.iter().any(|part| part.len() > LONGEST_PART) {
            return Err("is too long");
        }
        let signed = &token.as_bytes()[..header.len() + 1 + claims.len()];
        let bytes = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).ok();
        let json = |part| serde_json::from_slice::<Value>(&bytes(part)?).ok();
        let (header, claims) = json(header).zip(json(claims)).ok_or("cannot be read")?;
        let signature = bytes(signature).ok_or("cannot be read")?;
        if header["alg"] != "RS256" || header.get("crit").is_some() {
            return Err("is not signed by RS256");
        }
        let kid = header["kid"].as_str().filter(|kid| !kid.is_empty()).ok_or("names no key")?;
        if !expected.issuers.iter().any(|issuer| claims["iss"] == *issuer) {
            return Err("is from another issuer");
        }
        if claims["aud"] != expected.audience {
            return Err("is for another audience");
        }
        in_time(&claims, now)?;
        Ok(Self { kid: kid.to_owned(), claims, signed, signature })
    }
}

fn in_time(claims: &Value, now: UnixMs) -> Result<(), &'static str> {
    let now = Duration::from_millis(now.0).as_secs_f64();
    let skew = SKEW.as_secs_f64();
    let expires = claims["exp"].as_f64().ok_or("never expires")?;
    if expires + skew < now {
        return Err("has expired");
    }
    if expires > now + LONGEST_LIFE.as_secs_f64() + skew {
        return Err("lives too long");
    }
    for key in ["nbf", "iat"] {
        let begins = claims.get(key).map(Value::as_f64);
        if begins.is_some_and(|begins| begins.is_none_or(|begins| begins > now + skew)) {
            return Err("is not valid yet");
        }
    }
    Ok(())
}

impl Key {
    fn check(&self, token: &Token<'_>, endorsed: Option<&str>) -> Result<(), &'static str> {
        let is_signed = match self {
            Self::Rsa { endorsements, .. }
                if endorsed.is_some_and(|it| !endorsements.iter().any(|known| known == it)) =>
            {
                return Err("is signed with a key for something else");
            }
            Self::Certificate(_) if endorsed.is_some() => {
                return Err("is signed with a key for something else");
            }
            Self::Rsa { n, e, .. } => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, token.signed, &token.signature)
                .is_ok(),
            Self::Certificate(der) => EndEntityCert::try_from(der).is_ok_and(|certificate| {
                let algorithm = webpki::ring::RSA_PKCS1_2048_8192_SHA256;
                certificate.verify_signature(algorithm, token.signed, &token.signature).is_ok()
            }),
        };
        if is_signed { Ok(()) } else { Err("is not signed with its key") }
    }
}

/// What can be used of a JWK set or of a map of certificates.
fn keys(body: &Value) -> HashMap<String, Arc<Key>> {
    let keys: Vec<(String, Key)> = match (body["keys"].as_array(), body.as_object()) {
        (Some(set), _) => set.iter().filter_map(rsa).take(MOST_KEYS).collect(),
        (None, Some(map)) => {
            let certificate = |(kid, pem): (&String, &Value)| {
                let der = CertificateDer::from_pem_slice(pem.as_str()?.as_bytes()).ok()?;
                Some((kid.clone(), Key::Certificate(der)))
            };
            map.iter().filter_map(certificate).take(MOST_KEYS).collect()
        }
        (None, None) => Vec::new(),
    };
    keys.into_iter().map(|(kid, key)| (kid, Arc::new(key))).collect()
}

fn rsa(jwk: &Value) -> Option<(String, Key)> {
    let is = |key: &str, value: &str| jwk.get(key).is_none_or(|it| it == value);
    if jwk["kty"] != "RSA" || !is("use", "sig") || !is("alg", "RS256") {
        return None;
    }
    let number = |key: &str| {
        let bytes = BASE64URL_NOPAD.decode(jwk[key].as_str()?.as_bytes()).ok()?;
        Some(bytes.into_iter().skip_while(|byte| *byte == 0).collect())
    };
    let endorsements = jwk["endorsements"].as_array().into_iter().flatten();
    let endorsements = endorsements.filter_map(Value::as_str).map(str::to_owned).collect();
    let key = Key::Rsa { n: number("n")?, e: number("e")?, endorsements };
    Some((jwk["kid"].as_str()?.to_owned(), key))
}

fn use_for(headers: &HeaderMap) -> Duration {
    let said = headers.get("cache-control").and_then(|value| value.to_str().ok());
    let age = said.into_iter().flat_map(|said| said.split(','));
    let age = age.filter_map(|part| part.trim().strip_prefix("max-age=")).find_map(api::seconds);
    age.unwrap_or(SHORTEST_USE).clamp(SHORTEST_USE, LONGEST_USE)
}

#[cfg(test)]
mod tests;
