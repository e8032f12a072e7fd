//! A text with its marks, as platforms write it. Whatever stands in a run is shown and never obeyed.

mod discord;
mod google;
mod html;
mod ranges;
mod slack;
mod terminal;

pub use {
    discord::discord,
    google::{google, google_card, whatsapp},
    html::html,
    ranges::{Range, Style, ranges},
    slack::slack,
    terminal::terminal,
};

#[cfg(test)]
mod tests;
