//! What becomes of whole files.
