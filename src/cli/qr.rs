//! `openclaw qr`: a setup code for one device, made on the store, with or without a running gateway.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};

use crate::{
    Ended, Exit, Failure, Host, Output,
    network::{
        identity::Identity,
        setup_code::{
            self, Minted, Way,
            drawing::{DrawError, Drawing},
        },
        tls,
        url::{UrlOptions, offer_now},
    },
    rules::device::{
        approver::{DeviceApprover, Listed},
        role::Profile,
    },
    store::private,
    text,
};

/// So wide a drawing may be where nobody says how wide the terminal is.
pub(super) const COLUMNS: u16 = 80;

/// Make a setup code for a phone or another device, as a QR code
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("access").args(["limited", "full"])),
    group(ArgGroup::new("place").args(["url", "local"])),
    after_help = "\
Examples:
  openclaw qr                           Draw a code for a phone
  openclaw qr --setup-code-only         Print it alone, to be pasted
  openclaw qr --local --setup-code-only For a program on this machine
  openclaw qr --png code.png            Draw it into a private file

The code works for one device, within ten minutes. Then approve the device:
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
    /// Draw it into this image file
    #[arg(long, value_name = "FILE")]
    png: Option<PathBuf>,
    /// Draw it into this image file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Do not check whether this gateway answers at its public address
    #[arg(long)]
    no_probe: bool,
}

impl Qr {
    /// Makes one and shows it.
    pub(super) fn run(self, host: &Host, output: &mut Output) -> Ended {
        for file in self.png.iter().chain(&self.svg) {
            writable(file)?;
        }
        let way = self.way(host)?;
        let wished = if self.full { Profile::Full } else { Profile::Limited };
        let by = DeviceApprover::of(&Host::approver(), Listed::Commands);
        let made = setup_code::make(&host.store()?, &by, wished, &way, Host::now());
        let minted = made.map_err(|error| match error {
            setup_code::OfferError::Store(error) => Failure::from(error),
            error => error.into(),
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
        let config = host.config()?;
        let pin = tls::fingerprint(&config.gateway.tls, &host.state()?)?;
        let identity = Identity::load(&host.store()?)?;
        let options =
            UrlOptions { public_url: self.url.clone(), local: self.local, no_probe: self.no_probe };
        let way = offer_now(&config, host.port()?, pin, &identity, &options)?;
        way.map_err(|none| text::no_way_in(&none))
    }

    fn write(&self, drawing: &Result<Drawing, DrawError>) -> Result<(), Failure> {
        if self.png.is_none() && self.svg.is_none() {
            return Ok(());
        }
        let drawing = drawing.as_ref().map_err(text::not_drawn)?;
        if let Some(file) = &self.png {
            put(file, &drawing.png()?)?;
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
                output.line(text::SCAN);
                output.block(&drawing.letters());
            }
            _ => output.line(text::TOO_WIDE),
        }
        for line in text::setup_code(minted, way, self.png.iter().chain(&self.svg)) {
            output.line(line);
        }
    }
}

/// A code is drawn in it: nobody else may read it.
pub(super) fn put(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let file = std::path::absolute(file)?;
    Ok(private::replace(&file, bytes)?)
}

/// Nothing is made for a file that has no folder.
pub(super) fn writable(file: &Path) -> Result<(), Failure> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.is_dir() => Err(text::no_folder(folder)),
        _ => Ok(()),
    }
}
