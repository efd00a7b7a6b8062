//! Batches: accepted fixes that are rolled out together, and in which order.

use crate::window::Windows;
use jiff::Timestamp;
use record::{Batch, BatchWindow, BlastRadius, Effect, GroupBy};
use std::collections::{BTreeMap, BTreeSet};

/// One accepted fix, as far as batches depend on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    /// Id of the detection.
    pub id: String,
    /// Fingerprint of the finding.
    pub fingerprint: String,
    /// What it has in common with the others of its batch.
    pub key: String,
    /// The rule.
    pub rule: String,
    /// Path of the file.
    pub file: String,
    /// The object, for people and to tell objects apart: file, kind and name.
    pub object: String,
    /// Namespace, as the manifest says it; empty when it does not.
    pub namespace: String,
    /// What the fix removes, 0 to 100.
    pub risk: f64,
    /// A known exploited vulnerability is involved.
    pub kev: bool,
    /// The fix needs an approval.
    pub needs_approval: bool,
    /// What the fix changes of what runs, where it is known.
    pub effect: Option<Effect>,
    /// Pods of the object, where the manifest says how many.
    pub replicas: Option<u64>,
    /// From where the object is reached, when that is outside of its namespace.
    pub exposed: Option<String>,
    /// Why the object has to be made anew, when it has to.
    pub recreate: Option<String>,
    /// Seconds in which a rollout of the object must make progress, where it has rollouts.
    pub progress_deadline: Option<u64>,
}

/// Puts units with the same key into a batch, and the batches in order: first the one that least
/// depends on, as a canary; then those with known exploited vulnerabilities; then the most risk
/// first. Units are given in the order of the schedule and keep it.
///
/// `now` is in Unix seconds; without it nothing is said of windows.
pub fn batches(units: &[Unit], by: GroupBy, windows: &Windows, now: Option<f64>) -> Vec<Batch> {
    let mut groups: BTreeMap<&str, Vec<&Unit>> = BTreeMap::new();
    for unit in units {
        groups.entry(&unit.key).or_default().push(unit);
    }
    let batch = |(key, units): (&str, Vec<&Unit>)| batch(by, key, &units, windows, now);
    let mut batches: Vec<Batch> = groups.into_iter().map(batch).collect();
    batches.sort_by(|a, b| {
        let exploited = (b.exploited > 0).cmp(&(a.exploited > 0));
        exploited.then(b.risk.total_cmp(&a.risk)).then_with(|| a.id.cmp(&b.id))
    });
    if batches.len() > 1 {
        let least = (0..batches.len()).min_by_key(|index| weight(&batches[*index]));
        if let Some(least) = least {
            let mut canary = batches.remove(least);
            canary.canary = true;
            batches.insert(0, canary);
        }
    }
    for (index, batch) in batches.iter_mut().enumerate() {
        batch.order = index + 1;
    }
    batches
}

/// How much depends on a batch, least first.
fn weight(batch: &Batch) -> (usize, usize, u64, usize, usize) {
    let BlastRadius { recreated, exposed, replicas, restarts, objects, .. } = &batch.blast_radius;
    (recreated.len(), exposed.len(), *replicas, *restarts, *objects)
}

fn batch(by: GroupBy, key: &str, units: &[&Unit], windows: &Windows, now: Option<f64>) -> Batch {
    let distinct = |of: &dyn Fn(&Unit) -> String| -> Vec<String> {
        units.iter().map(|unit| of(unit)).collect::<BTreeSet<_>>().into_iter().collect()
    };
    let count = |which: &dyn Fn(&Unit) -> bool| units.iter().filter(|unit| which(unit)).count();
    let blast_radius = blast_radius(units, distinct(&|unit| unit.namespace.clone()));
    Batch {
        id: format!("{}/{key}", by.as_str()),
        group_by: by,
        key: key.to_owned(),
        order: 0,
        canary: false,
        items: units.iter().map(|unit| unit.id.clone()).collect(),
        fingerprints: units.iter().map(|unit| unit.fingerprint.clone()).collect(),
        size: units.len(),
        // Two decimals, so that the order of adding does not show.
        risk: (units.iter().map(|unit| unit.risk).sum::<f64>() * 100.0).round() / 100.0,
        exploited: count(&|unit| unit.kev),
        needs_approval: count(&|unit| unit.needs_approval),
        rules: distinct(&|unit| unit.rule.clone()),
        files: distinct(&|unit| unit.file.clone()),
        stop_conditions: stop_conditions(&blast_radius, units),
        blast_radius,
        window: now.map(|now| window(units, windows, now)),
    }
}

fn blast_radius(units: &[&Unit], namespaces: Vec<String>) -> BlastRadius {
    let mut objects: BTreeMap<&str, (Option<Effect>, &Unit)> = BTreeMap::new();
    for unit in units {
        let entry = objects.entry(&unit.object).or_insert((unit.effect, unit));
        entry.0 = entry.0.max(unit.effect);
    }
    let restarting: Vec<&Unit> = objects
        .values()
        .filter(|(effect, _)| matches!(effect, Some(Effect::Restart | Effect::Recreate)))
        .map(|(_, unit)| *unit)
        .collect();
    let told = |of: &dyn Fn(&Unit) -> Option<&String>| -> Vec<String> {
        let tell = |unit: &&Unit| of(unit).map(|why| format!("{}: {why}", unit.object));
        units.iter().filter_map(tell).collect::<BTreeSet<_>>().into_iter().collect()
    };
    BlastRadius {
        objects: objects.len(),
        namespaces: namespaces.into_iter().filter(|name| !name.is_empty()).collect(),
        restarts: restarting.len(),
        replicas: restarting.iter().filter_map(|unit| unit.replicas).sum(),
        exposed: told(&|unit| unit.exposed.as_ref()),
        recreated: told(&|unit| unit.recreate.as_ref()),
        effect: objects.values().filter_map(|(effect, _)| *effect).max(),
    }
}

/// What a person or a pipeline must look at between this batch and the next.
fn stop_conditions(radius: &BlastRadius, units: &[&Unit]) -> Vec<String> {
    let mut conditions = vec![
        "a gate fails when the fix is judged against the source as it is then: leave the fix out"
            .to_owned(),
    ];
    if radius.restarts > 0 {
        let deadline = units.iter().filter_map(|unit| unit.progress_deadline).max();
        let within = deadline.map_or_else(String::new, |seconds| format!(" within {seconds} s"));
        conditions.push(format!(
            "the rollout of a workload is not complete{within} (kubectl rollout status), or a \
             container of a new pod restarts: undo the batch and stop"
        ));
    }
    if !radius.exposed.is_empty() {
        conditions.push(
            "the share of failed requests at what is reached from outside rises: undo the batch \
             and stop"
                .to_owned(),
        );
    }
    if !radius.recreated.is_empty() {
        conditions.push(
            "an object that has to be made anew is not back: restore it from before the batch \
             and stop"
                .to_owned(),
        );
    }
    conditions
}

/// When every unit of a batch may be carried out.
fn window(units: &[&Unit], windows: &Windows, now: f64) -> BatchWindow {
    let opens = |unit: &&Unit| windows.opens(&unit.namespace, unit.kev, now);
    let last = units.iter().map(opens).fold(now, f64::max);
    let freeze = units.iter().find_map(|unit| windows.freeze(&unit.namespace, unit.kev, now));
    #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970, or infinite")]
    let moment = last.is_finite().then(|| Timestamp::from_second(last as i64).ok()).flatten();
    BatchWindow {
        open: last <= now,
        opens: moment.map(|moment| moment.to_string()),
        freeze: freeze.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::window::Window;

    fn unit(id: &str, key: &str, risk: f64) -> Unit {
        Unit {
            id: id.to_owned(),
            fingerprint: format!("f{id}"),
            key: key.to_owned(),
            rule: "latest-tag".to_owned(),
            file: format!("{key}.yaml"),
            object: format!("{key}.yaml: Deployment {id}"),
            namespace: key.to_owned(),
            risk,
            kev: false,
            needs_approval: false,
            effect: Some(Effect::Restart),
            replicas: Some(2),
            exposed: None,
            recreate: None,
            progress_deadline: Some(600),
        }
    }

    fn batched(units: &[Unit]) -> Vec<Batch> {
        batches(units, GroupBy::Namespace, &Windows::default(), None)
    }

    #[test]
    fn the_canary_is_what_least_depends_on() {
        let exposed = Unit { exposed: Some("an Ingress".to_owned()), ..unit("4", "web", 1.0) };
        let kev = Unit { kev: true, ..unit("3", "old", 5.0) };
        let units = [
            unit("1", "shop", 80.0),
            unit("2", "shop", 70.0),
            Unit { replicas: Some(1), ..unit("5", "tools", 3.0) },
            kev,
            exposed,
        ];
        let batches = batched(&units);
        let keys: Vec<&str> = batches.iter().map(|batch| batch.key.as_str()).collect();
        assert_eq!(keys, ["tools", "old", "shop", "web"]);
        assert!(batches[0].canary && !batches[1].canary);
        assert_eq!(batches[2].items, ["1", "2"]);
        assert_eq!((batches[2].blast_radius.restarts, batches[2].blast_radius.replicas), (2, 4));
        assert_eq!(batches[3].blast_radius.exposed, ["web.yaml: Deployment 4: an Ingress"]);
        assert!(batches[3].stop_conditions.iter().any(|text| text.contains("failed requests")));
    }

    #[test]
    fn an_object_restarts_once_however_many_fixes_it_gets() {
        let mut units = [unit("1", "shop", 1.0), unit("2", "shop", 1.0)];
        units[1].object = units[0].object.clone();
        units[0].effect = Some(Effect::NoRestart);
        let radius = &batched(&units)[0].blast_radius;
        assert_eq!((radius.objects, radius.restarts, radius.replicas), (1, 1, 2));
        assert_eq!(radius.effect, Some(Effect::Restart));
    }

    #[test]
    fn a_batch_waits_for_the_last_of_its_windows() {
        let window = serde_json::json!({ "namespaces": ["shop"], "from": "10:00", "to": "11:00" });
        let windows = [serde_json::from_value::<Window>(window).unwrap()];
        let windows = Windows::new(&windows, &[]).unwrap();
        let units =
            [unit("1", "shop", 1.0), Unit { namespace: "x".to_owned(), ..unit("2", "shop", 1.0) }];
        let batches = batches(&units, GroupBy::Rule, &windows, Some(86_400.0));
        let window = batches[0].window.as_ref().unwrap();
        assert_eq!((window.open, window.opens.as_deref()), (false, Some("1970-01-02T10:00:00Z")));
    }
}
