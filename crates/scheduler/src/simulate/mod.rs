//! Compares orders on simulated backlogs and arrival streams. Every result is *simulated*.

mod engine;
mod measure;
mod model;
mod world;

pub use engine::Mode;
pub use measure::{Measures, Simulated, simulate};
pub use model::{ClassModel, GROUPS, Observation, ServiceModel};
pub use world::Scenario;
