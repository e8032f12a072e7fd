//! `openclaw qr`: a setup code for one device, made on the store, with or without a running gateway.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use openclaw_plugin_sdk::neutral;

use super::{
    failure::{Exit, Failure},
    host::Host,
    output::Output,
};
use crate::{
    network::{
        identity::Identity,
        setup_code::{
            self, Minted, Way,
            drawing::{DrawError, Drawing},
        },
        tls,
        url::{NoWayIn, Wish, offer_now},
    },
    rules::device::{
        approver::{DeviceApprover, Listed},
        role::Profile,
        setup_code::LIFETIME_MS,
    },
    store::private,
};

/// So wide a drawing may be where nobody says how wide the terminal is.
const COLUMNS: u16 = 80;

/// Make a setup code for a phone or another device, and draw it
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("access").args(["limited", "full"])),
    group(ArgGroup::new("place").args(["url", "local"])),
    after_help = "\
Examples:
  openclaw qr                           Draw a code for a phone
  openclaw qr --setup-code-only         Print it alone, to be pasted
  openclaw qr --local --setup-code-only For a program on this machine
  openclaw qr --png code.png            Draw it into a file that only you can read

The code is for one device and good for ten minutes. Then approve the device:
  openclaw devices list
  openclaw devices approve <request>"
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct Qr {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print the code alone
    #[arg(long)]
    setup_code_only: bool,
    #[arg(
        long,
        value_name = "URL",
        help = "Where devices reach this gateway, such as wss://gateway.example.com"
    )]
    url: Option<String>,
    /// For a program on this machine
    #[arg(long)]
    local: bool,
    /// A device that can chat, and cannot administer this gateway: the default
    #[arg(long)]
    limited: bool,
    /// A device that may also administer this gateway
    #[arg(long)]
    full: bool,
    /// Draw it into this file
    #[arg(long, value_name = "FILE")]
    png: Option<PathBuf>,
    /// Draw it into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Do not ask whether this gateway answers at its public address
    #[arg(long)]
    no_probe: bool,
}

impl Qr {
    /// Makes one and shows it.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Result<Exit, Failure> {
        for file in self.png.iter().chain(&self.svg) {
            writable(file)?;
        }
        let way = self.way(host)?;
        let wished = if self.full { Profile::Full } else { Profile::Limited };
        let by = DeviceApprover::of(&Host::approver(), Listed::Commands);
        let made = setup_code::make(&host.store()?, &by, wished, &way, Host::now());
        let minted = made.map_err(|error| match error {
            setup_code::OfferError::Store(error) => Failure::from(error),
            error => Failure::from(anyhow::Error::from(error)),
        })?;
        let drawing = Drawing::of(&minted.drawn);
        self.write(&drawing)?;
        if self.json {
            output.json(&minted.told(&way))?;
        } else if self.setup_code_only {
            output.line(&minted.code);
        } else {
            self.show(&minted, &way, &drawing, output);
        }
        Ok(Exit::Done)
    }

    fn way(&self, host: &Host) -> Result<Way, Failure> {
        let (config, state) = (host.config()?, host.state()?);
        let failed = |error: anyhow::Error| Failure::from(error);
        let pin =
            tls::fingerprint(&config.gateway.tls, &state).map_err(|error| failed(error.into()))?;
        let identity = Identity::load(&host.store()?).map_err(|error| failed(error.into()))?;
        let wish = Wish { public_url: self.url.clone(), local: self.local, probe: !self.no_probe };
        let way = offer_now(&config, port(host)?, pin.as_deref(), &identity, &wish);
        way.map_err(|error| failed(error.into()))?.map_err(|none| {
            let why = none.why();
            let failure = Failure::new(Exit::Failed, why.trim_end_matches('.').to_owned());
            match none {
                NoWayIn::Loopback(_) => failure.hint(
                    "set `plugins.device-pair.public_url` or `gateway.bind = \"lan\"`; \
                     `openclaw qr --local` makes a code for a program on this machine",
                ),
                NoWayIn::Another(_) => {
                    failure.hint("correct the address, or the proxy or tunnel behind it")
                }
                NoWayIn::Invalid(_) => failure.hint("write it like `wss://gateway.example.com`"),
            }
        })
    }

    fn write(&self, drawing: &Result<Drawing, DrawError>) -> Result<(), Failure> {
        if self.png.is_none() && self.svg.is_none() {
            return Ok(());
        }
        let drawing = drawing.as_ref().map_err(|error| {
            Failure::new(Exit::Failed, error.to_string())
                .hint("`--setup-code-only` prints it, to be pasted")
        })?;
        if let Some(file) = &self.png {
            let png = drawing.png().map_err(anyhow::Error::from)?;
            put(file, &png)?;
        }
        if let Some(file) = &self.svg {
            put(file, drawing.svg().as_bytes())?;
        }
        Ok(())
    }

    fn show(
        &self,
        minted: &Minted,
        way: &Way,
        drawing: &Result<Drawing, DrawError>,
        output: &mut Output,
    ) {
        let room = usize::from(output.width().unwrap_or(COLUMNS));
        match drawing {
            Ok(drawing) if drawing.columns() <= room => {
                output.line("Scan this with the OpenClaw app, or paste the code below it.\n");
                output.block(&drawing.letters());
            }
            _ => output.line(
                "The code is too wide to be drawn here: paste it, or draw it into a file with --png.",
            ),
        }
        output.line(format!("\nSetup code: {}", minted.code));
        for (n, url) in way.urls.iter().enumerate() {
            let label = if n == 0 { "Gateway" } else { "Or" };
            output.line(format!("{label}: {}", neutral(url, 200)));
        }
        let access = minted.setup.profile.word();
        let why = " (no full access over an unencrypted connection)";
        output.line(format!("Access: {access}{}", if minted.downgraded { why } else { "" }));
        output.line(format!("Source: {}", way.source));
        for note in &way.notes {
            output.line(format!("Note: {note}"));
        }
        for file in self.png.iter().chain(&self.svg) {
            output.line(format!("Drawn: {}", file.display()));
        }
        let minutes = LIFETIME_MS / 60_000;
        output.line(format!(
            "\nIt is for one device and good for {minutes} minutes. Then approve the device:"
        ));
        output.line("  openclaw devices list\n  openclaw devices approve <request>");
    }
}

/// Where the gateway listens: the running one's word, else the configuration's.
fn port(host: &Host) -> Result<u16, Failure> {
    let running = host.gateway()?.and_then(|mut gateway| gateway.health());
    match running {
        Ok(health) => Ok(health.port),
        Err(_) => Ok(host.config()?.port),
    }
}

/// A code is drawn in it: nobody else may read it.
fn put(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let file = std::path::absolute(file).map_err(anyhow::Error::from)?;
    Ok(private::replace(&file, bytes)?)
}

/// Nothing is made for a file that has no folder.
fn writable(file: &Path) -> Result<(), Failure> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.is_dir() => {
            Err(Failure::usage(format!("there is no folder {}", folder.display())))
        }
        _ => Ok(()),
    }
}
