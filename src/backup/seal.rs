//! How a copy is closed to others: by a passphrase, for recipients, or by its mode alone.

use std::{
    fmt,
    io::{Read, Write},
    iter,
    path::Path,
    str::FromStr,
};

use age::{DecryptError, Decryptor, Encryptor, scrypt, secrecy::SecretString, x25519};

use crate::{BackupError, io_error, read};

/// What an encrypted copy begins with.
pub(crate) const MAGIC: &[u8] = b"age-encryption.org/";
/// A shorter passphrase is guessed.
const SHORTEST: usize = 12;
/// The cost of a guess: 2^17 rounds, 128 MB.
const WORK: u8 = 17;
/// What a copy may cost to open: other programs take more, and a hostile one would take all memory.
const MOST_WORK: u8 = 20;

/// True where a copy opens with a passphrase.
pub fn wants_passphrase(file: &Path) -> Result<bool, BackupError> {
    let mut start = Vec::new();
    let opened = read::open(file)?;
    opened.take(64).read_to_end(&mut start).map_err(io_error("read", file))?;
    let stanza = start.split(|byte| *byte == b'\n').nth(1).unwrap_or_default();
    Ok(start.starts_with(MAGIC) && stanza.starts_with(b"-> scrypt "))
}

/// Who can open the copy that is made.
pub enum Protection {
    /// All who can read the file.
    Plain,
    /// All who know the passphrase.
    Passphrase(SecretString),
    /// All who have one of the identities.
    Recipients(Vec<x25519::Recipient>),
}

impl fmt::Debug for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Protection {
    /// A passphrase that is long enough.
    pub fn passphrase(passphrase: &str) -> Result<Self, BackupError> {
        if passphrase.chars().count() < SHORTEST {
            let why = format!("a passphrase has at least {SHORTEST} characters");
            return Err(BackupError::Protection(why));
        }
        Ok(Self::Passphrase(SecretString::from(passphrase.to_owned())))
    }

    /// Public keys, `age1…`.
    pub fn recipients(keys: &[String]) -> Result<Self, BackupError> {
        // What is no public key may be a private one: it is not repeated.
        let one = |key: &String| {
            x25519::Recipient::from_str(key.trim()).map_err(|_| {
                let why = "a recipient is a public key of age, `age1…`, and one of these is not";
                BackupError::Protection(why.to_owned())
            })
        };
        keys.iter().map(one).collect::<Result<_, _>>().map(Self::Recipients)
    }

    /// In a word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Plain => "none",
            Self::Passphrase(_) => "passphrase",
            Self::Recipients(_) => "recipients",
        }
    }

    /// Writes through the encryption.
    pub(crate) fn through(
        &self,
        to: &mut dyn Write,
        write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        let encryptor = match self {
            Self::Plain => return write(to),
            Self::Passphrase(passphrase) => {
                let mut recipient = scrypt::Recipient::new(passphrase.clone());
                recipient.set_work_factor(WORK);
                Encryptor::with_recipients(iter::once(&recipient as &dyn age::Recipient))
            }
            Self::Recipients(keys) => {
                Encryptor::with_recipients(keys.iter().map(|key| key as &dyn age::Recipient))
            }
        };
        let mut sealed = encryptor.map_err(std::io::Error::other)?.wrap_output(to)?;
        write(&mut sealed)?;
        sealed.finish()?.flush()
    }
}

/// What opens a copy.
#[derive(Default)]
pub enum Key {
    /// Nothing: it is not encrypted.
    #[default]
    None,
    /// The passphrase.
    Passphrase(SecretString),
    /// Private keys.
    Identities(Vec<x25519::Identity>),
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Passphrase(_) => "passphrase",
            Self::Identities(_) => "identities",
        })
    }
}

impl Key {
    /// A passphrase.
    pub fn passphrase(passphrase: &str) -> Self {
        Self::Passphrase(SecretString::from(passphrase.to_owned()))
    }

    /// The text of a file with lines `AGE-SECRET-KEY-…`.
    pub fn identities(text: &str) -> Result<Self, BackupError> {
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys: Result<Vec<_>, _> = lines.map(x25519::Identity::from_str).collect();
        match keys {
            Ok(keys) if !keys.is_empty() => Ok(Self::Identities(keys)),
            _ => Err(BackupError::Protection(
                "the identity file has lines that are no identity of age, or none".to_owned(),
            )),
        }
    }

    /// What reads the content of an encrypted copy.
    pub(crate) fn open<'a>(
        &self,
        from: impl Read + 'a,
        file: &Path,
    ) -> Result<Box<dyn Read + 'a>, BackupError> {
        let locked = |why| BackupError::Locked(file.to_owned(), why);
        let failed = |error: DecryptError| match error {
            DecryptError::DecryptionFailed
            | DecryptError::KeyDecryptionFailed
            | DecryptError::NoMatchingKeys => locked(match self {
                Self::Identities(_) => "it is encrypted for others",
                _ => "the passphrase is wrong",
            }),
            DecryptError::ExcessiveWork { .. } => locked("it asks for too much memory"),
            other => BackupError::Torn(file.to_owned(), other.to_string()),
        };
        let opened = Decryptor::new(from).map_err(failed)?;
        let reader = match (self, opened.is_scrypt()) {
            (Self::Passphrase(passphrase), true) => {
                let mut identity = scrypt::Identity::new(passphrase.clone());
                identity.set_max_work_factor(MOST_WORK);
                opened.decrypt(iter::once(&identity as &dyn age::Identity))
            }
            (Self::Identities(keys), false) => {
                opened.decrypt(keys.iter().map(|key| key as &dyn age::Identity))
            }
            (_, true) => return Err(locked("it needs its passphrase (`--passphrase-file`)")),
            (_, false) => return Err(locked("it needs an identity (`--identity`)")),
        };
        Ok(Box::new(reader.map_err(failed)?))
    }
}
