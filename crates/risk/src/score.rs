//! The formula.

use crate::base::{base, priors};
use crate::exploit::Exploit;
use crate::exposure::{Way, ways};
use crate::privileges::{Privilege, privileges};
use crate::{
    Criticality, Epss, Exploitation, Exposure, Images, Impact, Kev, PolicyMetrics, RiskSettings,
    decide,
};
use record::{Detection, RiskScore, RiskTerm};
use rules::{Object, Set};

/// What scores depend on besides the manifests. By default nothing is known.
#[derive(Debug, Clone, Default)]
pub struct Scorer {
    /// What the operator sets.
    pub settings: RiskSettings,
    /// Chances of exploitation.
    pub epss: Option<Epss>,
    /// Known exploited vulnerabilities.
    pub kev: Option<Kev>,
    /// Reports of images.
    pub images: Option<Images>,
    /// What was measured of the fixes of policies; it stands in place of the priors.
    pub metrics: PolicyMetrics,
}

/// What the risk of every finding of one object depends on.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// `None` for objects that nobody reaches.
    ways: Option<Vec<Way>>,
    /// `None` for objects that run no pods; as is [`Self::exploit`].
    privileges: Option<Vec<Privilege>>,
    criticality: (Criticality, String),
    exploit: Option<Exploit>,
}

/// The terms that the circumstances make.
const AROUND: [&str; 4] = ["exposure", "privileges", "criticality", "exploitation"];

impl Scorer {
    /// Looks at an object of a set.
    pub fn circumstances(&self, set: &Set<'_>, object: &Object<'_>) -> Circumstances {
        let pod = object.pod.as_ref();
        Circumstances {
            ways: ways(set, object),
            privileges: pod.map(|pod| privileges(set, object, pod)),
            criticality: self.settings.criticality(object.effective_namespace()),
            exploit: pod.map(|pod| self.exploit(pod)),
        }
    }

    /// The score of a finding, and what the scheduler needs to know beside it. Instead of the
    /// circumstances of its object there may be a reason why they are not known: the score is then
    /// the base risk.
    ///
    /// Waiting time and exploration are zero: the queue knows the first, the scheduler the second.
    pub fn score(&self, detection: &Detection, found: Result<&Circumstances, &str>) -> RiskScore {
        let (risk, reason) = base(detection);
        let measured = self.metrics.get(&detection.policy_id);
        let (probability, expected_time) =
            measured.unwrap_or_else(|| priors(detection.applicability));
        let mut score = RiskScore {
            id: detection.id.clone(),
            risk,
            probability,
            expected_time,
            wait: 0.0,
            kev: false,
            explore: 0.0,
            remaining: None,
            terms: vec![term("base", risk, reason)],
            decision: None,
            deadline: None,
        };
        match found {
            Ok(circumstances) => circumstances.enter(detection, &mut score),
            Err(why) => score
                .terms
                .extend(AROUND.map(|name| term(name, 1.0, format!("unavailable: {why}")))),
        }
        score
    }
}

/// The score of a finding of which nothing but its record is known.
pub fn score(detection: &Detection) -> RiskScore {
    Scorer::default().score(detection, Err("its manifest was not looked at"))
}

impl Circumstances {
    fn enter(&self, detection: &Detection, score: &mut RiskScore) {
        let base = score.risk;
        let exposure = self.exposure(detection);
        let privileges = self.privileges(detection);
        let (criticality, ref why) = self.criticality;
        let criticality = term("criticality", criticality.factor(), why.clone());
        let given_away = factor(&privileges) * criticality.value;
        let around = factor(&exposure) * given_away;
        score.terms.extend(exposure.into_iter().chain(privileges));
        score.terms.push(criticality);
        let mut risk = raised(base, around);
        if let Some(exploit) = &self.exploit {
            risk = raised(base, around * exploit.factor());
            score.terms.push(term("exploitation", exploit.factor(), exploit.reason.clone()));
            score.kev = exploit.is_known_exploited;
            // Days are far fewer than a float can count.
            score.deadline = exploit.due.map(|due| due.end_in_unix_seconds() as f64);
            if let Some((points, reason)) = &exploit.severities {
                score.terms.push(term("severities", *points, reason.clone()));
                let of_images =
                    1.0 - (1.0 - exploit.chance.unwrap_or(0.0)) * (1.0 - points / 100.0);
                score.remaining = Some(rounded(raised(100.0 * of_images, around)));
            }
        }
        score.risk = rounded(risk);
        self.decide(rounded(raised(base, given_away)), score);
    }

    /// The widest way that the finding itself is not about: what it is about is in the base.
    fn exposure(&self, detection: &Detection) -> Option<RiskTerm> {
        let ways = self.ways.as_ref()?.iter().filter(|way| !is_about(detection, way.fields));
        // The first of equals.
        let widest = ways.rev().max_by_key(|way| way.from);
        Some(match widest {
            Some(way) => term("exposure", way.from.factor(), way.reason.clone()),
            None => term(
                "exposure",
                Exposure::None.factor(),
                "nothing of the inputs leads to it".into(),
            ),
        })
    }

    /// The privileges that the finding itself is not about.
    fn privileges(&self, detection: &Detection) -> Option<RiskTerm> {
        let all = self.privileges.as_ref()?.iter();
        let counted: Vec<_> = all.filter(|held| !is_about(detection, held.fields)).collect();
        let reasons: Vec<&str> = counted.iter().map(|held| held.reason.as_str()).collect();
        let sum: f64 = counted.iter().map(|held| held.weight).sum();
        let reason = if reasons.is_empty() { "none".to_owned() } else { reasons.join(", ") };
        Some(term("privileges", 1.0 + sum, reason))
    }

    /// Decides by how things are, the finding's own subject included.
    fn decide(&self, points: f64, score: &mut RiskScore) {
        let ways = self.ways.iter().flatten();
        let exposure = ways.map(|way| way.from).max().unwrap_or(Exposure::None);
        let exploitation = self.exploit.as_ref().map_or(Exploitation::None, |e| e.exploitation);
        let impact = Impact::of(points);
        let decision = decide(exploitation, exposure, impact);
        let reason = format!(
            "{}; with exploitation {} and exposure {}: {}",
            impact.as_str(),
            exploitation.as_str(),
            crate::reach(exposure),
            decision.as_str()
        );
        score.terms.push(term("impact", points, reason));
        score.decision = Some(decision);
    }
}

fn term(name: &str, value: f64, reason: String) -> RiskTerm {
    // What is shown is what is counted, as far as anybody can tell.
    let value = (value * 10_000.0).round() / 10_000.0;
    RiskTerm { name: name.to_owned(), value, reason }
}

fn factor(term: &Option<RiskTerm>) -> f64 {
    term.as_ref().map_or(1.0, |term| term.value)
}

/// Whether the place of a finding is at or below one of these fields.
fn is_about(detection: &Detection, fields: &[&str]) -> bool {
    let mut segments = detection.pointer.as_deref().unwrap_or("").split('/');
    segments.any(|segment| fields.contains(&segment))
}

/// Points from 0 to 100 whose odds are multiplied.
fn raised(points: f64, factor: f64) -> f64 {
    let share = points / 100.0;
    100.0 * share * factor / (share * factor + 1.0 - share)
}

fn rounded(points: f64) -> f64 {
    ((points * 100.0).round() / 100.0).clamp(0.0, 100.0)
}
