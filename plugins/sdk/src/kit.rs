//! What every channel needs beside its platform's own wire: plain functions and small structs, no framework.

pub mod bounded;
