//! The program as a person or a script runs it: real processes on state folders of their own.

#![allow(clippy::unwrap_used, reason = "a failed set-up fails the test")]

mod access;
mod audit;
mod backup;
mod completing;
mod configuration;
mod damaged;
mod decide;
mod devices;
mod doctor;
mod doctor_files;
mod doctor_running;
mod every_check;
mod faults;
mod foreign;
mod gateway;
mod grants;
mod host;
mod import;
mod import_accounts;
mod import_undo;
mod invite;
mod list;
mod logs;
mod long_path;
mod node_run;
mod nodes;
mod owner;
#[path = "../preload/mod.rs"]
#[allow(dead_code, reason = "the tests of the gateway use the rest")]
mod preload;
mod qr;
mod report;
mod reset;
mod running;
mod security;
mod service;
mod service_manager;
mod shells;
mod support;
