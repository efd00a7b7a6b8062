//! The rule catalogue: what is wrong in a Kubernetes object, and the smallest edit that cures it.
//!
//! A rule is one file in `src/catalogue`. This crate knows nothing of files, clusters or models:
//! it looks at parsed objects and reports findings with a remedy. See `CONTRIBUTING.md` for how to
//! add a rule.

mod common;
mod context;
mod engine;
mod evidence;
mod finding;
pub mod image;
mod judgement;
mod object;
mod observed;
mod page;
mod parameter;
pub mod pod_security;
pub mod quantity;
mod rule;
pub mod selector;
mod set;
mod settings;
mod values;

pub use common::is_token_mounted;
pub use context::Context;
pub use engine::check_object;
pub use evidence::{Evidence, ImageFacts, ImageUser, Question};
pub use finding::{Condition, Edit, FOREIGN, Finding, Fix, Remedy, Reported, Written};
pub use judgement::Judgement;
pub use object::{Container, Object, Pod, Role, Site, objects};
pub use observed::Observed;
pub use page::page;
pub use parameter::{DefaultValue, Parameter, ParameterError, Parameters, Pattern};
pub use rule::{Check, Entry, Rule, Scope, all, by_id};
pub use set::Set;
pub use settings::{Profile, Selection, SelectionError, Settings, named};
pub use values::{Match, Resources, ScopedValues, Values};
