//! The tool as its users meet it: the built binary, its files, outputs and exit codes.
//!
//! Tests on real input take the folder of corpora from `K8S_AUTO_FIX_DATA`, and the Python of their
//! independent checks from `K8S_AUTO_FIX_PYTHON`; without them they say that they are skipped.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests"
)]

mod artifacts;
mod bad_input;
mod browser;
mod catalogue;
mod ci;
mod clean;
mod config;
mod counting;
mod doctor;
mod documentation;
mod evidence;
mod fix;
mod forge;
mod gitops;
mod interactive;
mod kills;
mod kube_linter;
mod models;
mod plan;
mod queue;
mod real_input;
mod reference;
mod review;
mod risk;
mod same_bytes;
mod scanners;
mod schedule;
mod server;
mod tool;
mod usage;
mod worker;
