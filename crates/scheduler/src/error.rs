use record::RiskScore;

/// What no order can be made of.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// A number of a risk record.
    #[error("risk record {id}: {field} is {value}, expected {expected}")]
    Record {
        /// The record's id.
        id: String,
        /// The field, as the record writes it.
        field: &'static str,
        /// What it holds.
        value: f64,
        /// What it may hold.
        expected: &'static str,
    },
    /// The model of a simulation.
    #[error("the service model cannot be used: {0}")]
    Model(String),
    /// What a simulation is asked for.
    #[error("{name} is {value}, expected {expected}")]
    Scenario {
        /// The setting.
        name: &'static str,
        /// What it holds.
        value: f64,
        /// What it may hold.
        expected: &'static str,
    },
}

/// Far beyond any use, and small enough for sums and products to stay finite.
const LARGEST: f64 = 1e12;

pub(crate) fn check_record(score: &RiskScore) -> Result<(), Error> {
    let fields = [
        ("risk", score.risk, 100.0, "a number from 0 to 100"),
        ("probability", score.probability, 1.0, "a number from 0 to 1"),
        ("expected_time", score.expected_time, LARGEST, "seconds, 0 or more"),
        ("wait", score.wait, LARGEST, "hours, 0 or more"),
        ("explore", score.explore, LARGEST, "a number, 0 or more"),
        ("deadline", score.deadline.unwrap_or(0.0), LARGEST, "Unix seconds"),
    ];
    for (field, value, most, expected) in fields {
        if !(0.0..=most).contains(&value) {
            return Err(Error::Record { id: score.id.clone(), field, value, expected });
        }
    }
    Ok(())
}
