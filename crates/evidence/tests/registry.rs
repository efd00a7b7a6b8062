//! A real registry on loopback, with images that the tests make.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use evidence::testing::{IMAGE, LocalRegistry};
use evidence::{Gathered, Options, Registry};
use record::Fact;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// A registry, or a loud word that the test does not run.
fn local(test: &str) -> Option<LocalRegistry> {
    let started = LocalRegistry::start().unwrap();
    if started.is_none() {
        eprintln!(
            "SKIPPED: {test}: set {} to the program of a registry",
            evidence::testing::PROGRAM
        );
    }
    started
}

fn options(plain: &str) -> Options {
    Options {
        mirrors: BTreeMap::new(),
        plain_http: [plain.to_owned()].into(),
        timeout: Duration::from_secs(10),
        concurrency: 4,
        docker_config: None,
        cache: None,
    }
}

fn gather(options: Options, references: &[&str]) -> Gathered {
    Registry::new(options).unwrap().gather(references.iter().copied())
}

/// The facts of one reference.
fn facts(gathered: &Gathered, reference: &str) -> Vec<Fact> {
    let of = |record: &&record::Evidence| {
        let record::Subject::Image { reference: of } = &record.subject;
        of == reference
    };
    gathered.evidence.iter().filter(of).map(|record| record.fact.clone()).collect()
}

fn user(user: &str) -> Fact {
    Fact::User(user.to_owned())
}

#[test]
fn digests_versions_and_configurations_are_told() {
    let Some(registry) = local("digests_versions_and_configurations_are_told") else { return };
    let host = registry.host();
    let config = json!({ "User": "1000:1000", "ExposedPorts": { "8080/tcp": {} } });
    let tags = ["latest", "1.29.3", "1.29", "1", "stable"];
    let digest = registry.image("team/web", &tags, &config).unwrap();
    registry.image("team/web", &["1.30.0"], &json!({ "User": "7" })).unwrap();
    let [latest, fixed] = ["latest", "1.29"].map(|tag| format!("{host}/team/web:{tag}"));
    let gathered = gather(options(host), &[&format!("{host}/team/web"), &latest, &fixed]);
    assert_eq!(gathered.unresolved, BTreeMap::new());
    let of_the_image = [user("1000:1000"), Fact::ExposedPorts(vec!["8080/tcp".to_owned()])];
    let told = [Fact::Digest(digest.clone()), Fact::VersionTag("1.29.3".to_owned())];
    assert_eq!(facts(&gathered, &latest), [&told[..], &of_the_image].concat());
    // A tag that is a version needs no other.
    assert_eq!(facts(&gathered, &fixed), [&told[..1], &of_the_image].concat());
    assert!(gathered.evidence.iter().all(|record| {
        record.source == format!("registry:{host}") && record.digest.as_ref() == Some(&digest)
    }));
}

#[test]
fn users_of_every_kind_are_told_as_they_are_written() {
    let Some(registry) = local("users_of_every_kind_are_told_as_they_are_written") else { return };
    let host = registry.host();
    for (name, written) in [("a", "1000"), ("b", "0:0"), ("c", "nginx"), ("d", "root"), ("e", "")] {
        registry.image(name, &["1.0"], &json!({ "User": written })).unwrap();
        let reference = format!("{host}/{name}:1.0");
        let found = facts(&gather(options(host), &[&reference]), &reference);
        assert!(found.contains(&user(written)), "{name}: {found:?}");
    }
}

#[test]
fn a_fact_counts_only_when_all_platforms_agree() {
    let Some(registry) = local("a_fact_counts_only_when_all_platforms_agree") else { return };
    let host = registry.host();
    let config = |user: &str, port: &str| json!({ "User": user, "ExposedPorts": { port: {} } });
    let (same, other) = (config("5", "80/tcp"), config("6", "80/tcp"));
    let unknown = ("unknown", json!({ "User": "attestation" }));
    let agreeing = [("linux", same.clone()), ("linux", same.clone()), unknown];
    let digest = registry.index("agree", &["1.0"], &agreeing).unwrap();
    registry.index("differ", &["1.0"], &[("linux", same), ("linux", other)]).unwrap();
    registry.index("windows", &["1.0"], &[("windows", config("7", "80/tcp"))]).unwrap();
    let names = ["agree", "differ", "windows"].map(|name| format!("{host}/{name}:1.0"));
    let gathered = gather(options(host), &names.each_ref().map(String::as_str));
    assert_eq!(gathered.unresolved, BTreeMap::new());
    let port = Fact::ExposedPorts(vec!["80/tcp".to_owned()]);
    let all = [Fact::Digest(digest), user("5"), port.clone()];
    assert_eq!(facts(&gathered, &names[0]), all);
    let of_the_others = names[1..].iter().map(|name| facts(&gathered, name)[1..].to_vec());
    assert_eq!(of_the_others.collect::<Vec<_>>(), [vec![port], Vec::new()]);
}

#[test]
fn what_is_not_there_has_a_reason() {
    let Some(registry) = local("what_is_not_there_has_a_reason") else { return };
    let host = registry.host();
    registry.image("here", &["1.0"], &json!({})).unwrap();
    let gone = [format!("{host}/here:2.0"), format!("{host}/gone:1.0")];
    let gathered = gather(options(host), &[&gone[0], &gone[1], "{{ .Values.image }}"]);
    assert_eq!(gathered.evidence, []);
    let missing = format!("{host} has no such image");
    assert_eq!(gathered.unresolved[&gone[0]], missing);
    assert_eq!(gathered.unresolved[&gone[1]], missing);
    assert_eq!(gathered.unresolved["{{ .Values.image }}"], "it is no image reference");
}

#[test]
fn a_mirror_is_asked_in_place_of_the_registry() {
    let Some(registry) = local("a_mirror_is_asked_in_place_of_the_registry") else { return };
    let host = registry.host();
    let digest = registry.image("library/nginx", &["latest"], &json!({ "User": "101" })).unwrap();
    let mut options = options(host);
    options.mirrors.insert("docker.io".to_owned(), host.to_owned());
    let gathered = gather(options, &["nginx"]);
    let found = facts(&gathered, "docker.io/library/nginx:latest");
    assert_eq!(found[..2], [Fact::Digest(digest), user("101")]);
    assert_eq!(gathered.evidence[0].source, format!("registry:{host}"));
}

#[test]
fn plain_http_is_spoken_only_when_told_so() {
    let Some(registry) = local("plain_http_is_spoken_only_when_told_so") else { return };
    let host = registry.host();
    registry.image("a", &["1.0"], &json!({})).unwrap();
    let reference = format!("{host}/a:1.0");
    let gathered = gather(options("other.example"), &[&reference]);
    assert_eq!(gathered.evidence, []);
    let reason = &gathered.unresolved[&reference];
    assert!(reason.contains(&format!("--registry-plain-http {host}")), "{reason}");
}

#[test]
fn what_cannot_change_comes_from_the_cache() {
    let Some(registry) = local("what_cannot_change_comes_from_the_cache") else { return };
    let host = registry.host();
    let folder = tempfile::tempdir().unwrap();
    let with_cache = || Options { cache: Some(folder.path().to_owned()), ..options(host) };
    let first = registry.image("a", &["1.0"], &json!({ "User": "1" })).unwrap();
    let reference = format!("{host}/a:1.0");
    let before = facts(&gather(with_cache(), &[&reference]), &reference);
    assert_eq!(before[..2], [Fact::Digest(first.clone()), user("1")]);
    // The file is what is read: put other facts there, and they are told.
    let file = folder.path().join(format!("{}.json", first.replace("sha256:", "")));
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\"1\"", "\"2\"")).unwrap();
    assert!(facts(&gather(with_cache(), &[&reference]), &reference).contains(&user("2")));
    std::fs::write(&file, "broken").unwrap();
    assert_eq!(facts(&gather(with_cache(), &[&reference]), &reference), before);
    // Tags move, so they are asked for every time.
    let second = registry.image("a", &["1.0"], &json!({ "User": "3" })).unwrap();
    let after = facts(&gather(with_cache(), &[&reference]), &reference);
    assert_eq!(after[..2], [Fact::Digest(second), user("3")]);
}

#[test]
fn hostile_configurations_leave_the_digest_and_a_reason() {
    let Some(registry) = local("hostile_configurations_leave_the_digest_and_a_reason") else {
        return;
    };
    let host = registry.host();
    let broken = b"{\"os\":\"linux\",\"config\":{\"User\":\"\xff\"}}";
    let manifest = registry.of_config("broken", broken).unwrap();
    registry.manifest("broken", "1.0", IMAGE, &manifest).unwrap();
    registry.image("control", &["1.0"], &json!({ "User": "\u{1b}[31m1000" })).unwrap();
    let huge = vec![b' '; 9 << 20];
    let manifest = registry.of_config("huge", &huge).unwrap();
    registry.manifest("huge", "1.0", IMAGE, &manifest).unwrap();
    let names = ["broken", "control", "huge"].map(|name| format!("{host}/{name}:1.0"));
    let gathered = gather(options(host), &names.each_ref().map(String::as_str));
    for name in &names {
        let found = facts(&gathered, name);
        assert!(matches!(found[0], Fact::Digest(_)), "{name}");
        assert!(!found.iter().any(|fact| matches!(fact, Fact::User(_))), "{name}: {found:?}");
    }
    assert!(gathered.unresolved[&names[0]].contains("its configuration is broken"));
    assert!(gathered.unresolved[&names[2]].contains("more than 8388608 bytes"));
    assert!(!gathered.unresolved.contains_key(&names[1]));
}

#[test]
fn a_registry_that_is_gone_is_not_asked_for_every_image() {
    let Some(mut registry) = local("a_registry_that_is_gone_is_not_asked_for_every_image") else {
        return;
    };
    let host = registry.host().to_owned();
    let names: Vec<String> = (0..40).map(|number| format!("{host}/a{number}:1.0")).collect();
    for number in 0..40 {
        registry.image(&format!("a{number}"), &["1.0"], &json!({})).unwrap();
    }
    let asker = Registry::new(options(&host)).unwrap();
    let all = asker.gather(names.iter().map(String::as_str));
    assert_eq!(all.unresolved, BTreeMap::new());
    registry.stop();
    let gathered = asker.gather(names.iter().map(String::as_str));
    assert_eq!(gathered.evidence, []);
    let given_up = gathered.unresolved.values().filter(|reason| reason.contains("not asked any"));
    // Those that were under way when the third one failed were tried too.
    assert!(given_up.count() >= 30, "{:?}", gathered.unresolved);
}
