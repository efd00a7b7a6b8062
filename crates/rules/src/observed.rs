//! What was looked at elsewhere, as rules ask for it.

use crate::common::image_of;
use crate::image::{Reference, canonical};
use crate::{Container, Evidence, ImageFacts, ImageUser, Object, Question, Written};
use record::{Fact, Subject, ValueSource};
use std::collections::BTreeMap;

/// Facts about images, by whole reference. Of facts that contradict each other the newest counts.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    images: BTreeMap<String, ImageFacts>,
    unknown: BTreeMap<String, String>,
}

impl Observed {
    /// Brings records together. `unknown` tells by whole reference why an image could not be looked
    /// at.
    pub fn new(
        evidence: impl IntoIterator<Item = record::Evidence>,
        unknown: BTreeMap<String, String>,
    ) -> Self {
        let mut records: Vec<record::Evidence> = evidence.into_iter().collect();
        // Oldest first, so that the newest is left in the end.
        records.sort_by(|a, b| (&a.time, a).cmp(&(&b.time, b)));
        let mut images: BTreeMap<String, ImageFacts> = BTreeMap::new();
        let digests = records.iter().filter(|record| matches!(record.fact, Fact::Digest(_)));
        for record in digests {
            let facts = entry(&mut images, record);
            take(facts, record);
        }
        for record in records.iter().filter(|record| !matches!(record.fact, Fact::Digest(_))) {
            let facts = entry(&mut images, record);
            // What was so of other bytes says nothing of these.
            if record.digest.is_none() || record.digest == facts.digest {
                take(facts, record);
            }
        }
        // Once a fix has pinned an image, it goes by its digest.
        let by_digest = images.values().filter_map(|facts| {
            let name = Reference::parse(&facts.reference).name;
            Some((format!("{name}@{}", facts.digest.as_deref()?), facts.clone()))
        });
        for (reference, facts) in by_digest.collect::<Vec<_>>() {
            images.entry(reference).or_insert(facts);
        }
        Self { images, unknown }
    }

    /// The number that every image has as its user whose container sets none of its own.
    fn user_of_pod(&self, object: &Object<'_>) -> Option<Written> {
        let pod = object.pod.as_ref().filter(|pod| !pod.is_windows())?;
        let inherits = |container: &&Container<'_>| container.security_field("runAsUser").is_none();
        let users: Option<Vec<Written>> =
            pod.containers.iter().filter(inherits).map(|c| self.user_of(image_of(c))).collect();
        let mut users = users?.into_iter();
        let first = users.next()?;
        users.all(|user| user.value == first.value).then_some(first)
    }

    fn user_of(&self, image: &str) -> Option<Written> {
        let facts = self.image(image)?;
        match facts.user()? {
            ImageUser::Id(id) => Some(Written::evidence(id, facts.detail())),
            ImageUser::Root | ImageUser::Name(_) => None,
        }
    }
}

impl Evidence for Observed {
    fn value(
        &self,
        question: Question<'_>,
        object: &Object<'_>,
        container: Option<&Container<'_>>,
    ) -> Option<Written> {
        match (question, container) {
            (Question::Image(image), _) => {
                let facts = self.image(image)?;
                Some(Written::evidence(facts.pinned(image)?, facts.detail()))
            }
            (Question::RunAsUser, Some(container)) => {
                let on_windows = object.pod.as_ref().is_some_and(crate::Pod::is_windows);
                self.user_of(image_of(container)).filter(|_| !on_windows)
            }
            (Question::RunAsUser, None) => self.user_of_pod(object),
            _ => None,
        }
    }

    fn image(&self, image: &str) -> Option<&ImageFacts> {
        self.images.get(&canonical(image)?)
    }

    fn why_unknown(&self, image: &str) -> Option<&str> {
        self.unknown.get(&canonical(image)?).map(String::as_str)
    }
}

fn entry<'m>(
    images: &'m mut BTreeMap<String, ImageFacts>,
    record: &record::Evidence,
) -> &'m mut ImageFacts {
    let Subject::Image { reference } = &record.subject;
    images.entry(reference.clone()).or_insert_with(|| ImageFacts {
        reference: reference.clone(),
        source: record.source.clone(),
        // A reference by digest stands for it without anybody's word.
        digest: reference.split_once('@').map(|(_, digest)| digest.to_owned()),
        ..ImageFacts::default()
    })
}

fn take(facts: &mut ImageFacts, record: &record::Evidence) {
    facts.source.clone_from(&record.source);
    match record.fact.clone() {
        Fact::Digest(digest) => facts.digest = Some(digest),
        Fact::VersionTag(tag) => facts.version_tag = Some(tag),
        Fact::User(user) => facts.user = Some(user),
        Fact::ExposedPorts(ports) => facts.exposed_ports = Some(ports),
        Fact::Volumes(paths) => facts.volumes = Some(paths),
        Fact::Healthcheck(command) => facts.healthcheck = Some(command),
        Fact::Entrypoint(command) => facts.entrypoint = Some(command),
    }
}

impl Written {
    /// A value that was found out, and by whom.
    pub fn evidence(value: impl Into<serde_json::Value>, detail: impl Into<String>) -> Self {
        Self { value: value.into(), source: ValueSource::Evidence, detail: detail.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::Observed;
    use crate::Evidence as _;
    use record::{Evidence, Fact, Subject};
    use std::collections::BTreeMap;

    fn digest(letter: &str) -> String {
        format!("sha256:{}", letter.repeat(64))
    }

    fn record(fact: Fact, of: &str, time: &str) -> Evidence {
        Evidence {
            subject: Subject::Image { reference: "docker.io/library/nginx:latest".to_owned() },
            fact,
            source: "registry:docker.io".to_owned(),
            digest: Some(digest(of)),
            time: time.to_owned(),
        }
    }

    #[test]
    fn the_newest_digest_counts_and_facts_of_other_bytes_do_not() {
        let observed = Observed::new(
            [
                record(Fact::Digest(digest("b")), "b", "2026-02-01T00:00:00Z"),
                record(Fact::Digest(digest("a")), "a", "2026-01-01T00:00:00Z"),
                record(Fact::User("1000".to_owned()), "a", "2026-03-01T00:00:00Z"),
                record(Fact::ExposedPorts(Vec::new()), "b", "2026-02-01T00:00:00Z"),
            ],
            BTreeMap::new(),
        );
        let facts = observed.image("nginx").unwrap();
        assert_eq!(facts.digest.as_deref(), Some(digest("b").as_str()));
        assert_eq!((&facts.user, &facts.exposed_ports), (&None, &Some(Vec::new())));
        assert_eq!(observed.image("index.docker.io/library/nginx:latest"), Some(facts));
        assert_eq!(observed.image("nginx:1.2"), None);
        assert_eq!(observed.image(&format!("nginx:1.29@{}", digest("b"))), Some(facts));
        assert_eq!(observed.image(&format!("nginx@{}", digest("a"))), None);
    }
}
