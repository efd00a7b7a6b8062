//! Inputs for the tests of this crate.

use crate::{Corpus, Filters, Input, Looked, Notice, ObjectContext, Sieve, Sifted, Tally};
use manifest::Limits;
use rules::{Rule, Settings};

/// Objects with findings of few rules: host network, a privileged container, no tag.
pub(crate) const PODS: &str = "\
apiVersion: v1
kind: Pod
metadata:
  name: one
  namespace: shop
spec:
  hostNetwork: true
  containers:
  - name: web
    image: nginx
    securityContext:
      privileged: true
  - name: sidecar
    image: envoy
---
apiVersion: v1
kind: Pod
metadata:
  name: two
spec:
  containers:
  - name: web
    image: nginx
";

pub(crate) fn inputs(files: &[(&str, &str)]) -> Vec<Input> {
    let parse = |(path, text): &(&str, &str)| {
        let path = (*path).to_owned();
        Input::parse(path.clone(), path, text.as_bytes().to_vec(), &Limits::default())
    };
    files.iter().map(parse).collect()
}

pub(crate) fn rules() -> Vec<&'static Rule> {
    ["host-network", "latest-tag", "privileged-container"]
        .iter()
        .flat_map(|id| rules::named(id).unwrap())
        .collect()
}

pub(crate) fn filters() -> Filters {
    Filters::new("2026-06-15".parse().unwrap())
}

/// What a run over these files says, for comparison.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// `name rule path` of each finding that is reported.
    pub(crate) found: Vec<String>,
    /// The same of those that are hidden.
    pub(crate) hidden: Vec<String>,
    pub(crate) tally: Tally,
    /// `path:line: message`.
    pub(crate) notices: Vec<String>,
}

pub(crate) fn sift(inputs: &[Input], filters: &Filters) -> Outcome {
    sift_with(inputs, filters, &rules(), &[String::new()])
}

pub(crate) fn sift_with(
    inputs: &[Input],
    filters: &Filters,
    rules: &[&'static Rule],
    folders: &[String],
) -> Outcome {
    let corpus = Corpus::new(inputs, ObjectContext::All);
    let sieve = Sieve::new(&corpus, filters);
    let settings = Settings::default();
    let mut tally = sieve.tally();
    let (mut found, mut hidden) = (Vec::new(), Vec::new());
    for position in 0..corpus.len() {
        let mut sifted: Sifted = sieve.sift(position, corpus.check(position, rules, &settings));
        tally.add(&mut sifted);
        let name = |found: &crate::Found| {
            let object = corpus.object(position).name;
            format!("{object} {} {}", found.finding.rule.id, found.keyed_path)
        };
        found.extend(sifted.found.iter().map(name));
        hidden.extend(sifted.hidden.iter().map(|hidden| name(&hidden.found)));
    }
    let looked = Looked { rules, settings: &settings, folders };
    let line = |notice: Notice| {
        let line = notice.line.map_or(String::new(), |line| format!(":{line}"));
        format!("{}{line}: {}", notice.path, notice.message)
    };
    let notices = sieve.notices(&tally, &looked).into_iter().map(line).collect();
    Outcome { found, hidden, tally, notices }
}
