//! What manifests and configurations of images say.

use record::Fact;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What a registry is asked for: the manifests of images, and lists of them for several platforms.
pub(crate) const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json";

/// The configurations that are of images, not of charts or other artifacts.
const CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];

/// More platforms are not read, and then no fact counts.
const MAX_PLATFORMS: usize = 16;
/// Longer texts and lists are no configuration that anybody wrote.
const MAX_TEXT: usize = 4_096;
const MAX_LIST: usize = 256;

/// What a manifest leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Manifest {
    /// The configuration of one platform: its digest.
    Config(String),
    /// The manifests of all Linux platforms: their digests.
    Platforms(Vec<String>),
    /// Something that is no Linux image.
    Other,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnyManifest {
    schema_version: u64,
    config: Option<Descriptor>,
    manifests: Option<Vec<Descriptor>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    os: String,
}

/// Reads a manifest.
///
/// # Errors
/// What is wrong with it, as the end of a sentence.
pub(crate) fn manifest(bytes: &[u8]) -> Result<Manifest, String> {
    let manifest: AnyManifest = serde_json::from_slice(bytes)
        .map_err(|error| format!("its manifest is broken: {error}"))?;
    if manifest.schema_version != 2 {
        return Err("its manifest has a format that is no longer in use".to_owned());
    }
    let found = match (manifest.config, manifest.manifests) {
        (Some(config), _) if CONFIGS.contains(&config.media_type.as_str()) => {
            Manifest::Config(config.digest)
        }
        (None, Some(entries)) => Manifest::Platforms(linux(entries)?),
        _ => Manifest::Other,
    };
    let digests = match &found {
        Manifest::Config(digest) => std::slice::from_ref(digest),
        Manifest::Platforms(digests) => digests,
        Manifest::Other => &[],
    };
    match digests.iter().all(|digest| rules::image::is_digest(digest)) {
        true => Ok(found),
        false => Err("its manifest names something by what is no SHA-256 digest".to_owned()),
    }
}

/// The Linux platforms; attestations and the like say `unknown`.
fn linux(entries: Vec<Descriptor>) -> Result<Vec<String>, String> {
    let is_linux = |entry: &Descriptor| entry.platform.as_ref().is_some_and(|p| p.os == "linux");
    let digests: Vec<String> =
        entries.into_iter().filter(is_linux).map(|entry| entry.digest).collect();
    match digests.len() > MAX_PLATFORMS {
        true => Err(format!("it has more than {MAX_PLATFORMS} platforms")),
        false => Ok(digests),
    }
}

#[derive(Deserialize)]
struct ConfigFile {
    #[serde(default)]
    os: String,
    config: Option<Config>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Config {
    user: Option<String>,
    exposed_ports: Option<BTreeMap<String, serde_json::Value>>,
    volumes: Option<BTreeMap<String, serde_json::Value>>,
    healthcheck: Option<Healthcheck>,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Healthcheck {
    test: Option<Vec<String>>,
}

/// The facts of a configuration; none of one that is not for Linux. The user and the ports are
/// always among them, the others only when they are not empty. A fact with control characters, or
/// too long, is left out.
///
/// # Errors
/// What is wrong with it, as the end of a sentence.
pub(crate) fn facts(bytes: &[u8]) -> Result<Vec<Fact>, String> {
    let file: ConfigFile = serde_json::from_slice(bytes)
        .map_err(|error| format!("its configuration is broken: {error}"))?;
    if file.os != "linux" {
        return Ok(Vec::new());
    }
    let config = file.config.unwrap_or_default();
    let keys = |map: Option<BTreeMap<String, _>>| -> Vec<String> {
        map.into_iter().flatten().map(|(key, _)| key).collect()
    };
    let command = [config.entrypoint, config.cmd].into_iter().flatten().flatten().collect();
    let test = config.healthcheck.and_then(|check| check.test).unwrap_or_default();
    let mut facts = vec![
        Fact::User(config.user.unwrap_or_default()),
        Fact::ExposedPorts(keys(config.exposed_ports)),
    ];
    let volumes = keys(config.volumes);
    let more = [Fact::Volumes(volumes), Fact::Healthcheck(test), Fact::Entrypoint(command)];
    facts.extend(more.into_iter().filter(|fact| !texts(fact).is_empty()));
    facts.retain(is_sound);
    Ok(facts)
}

fn texts(fact: &Fact) -> &[String] {
    match fact {
        Fact::Digest(text) | Fact::VersionTag(text) | Fact::User(text) => {
            std::slice::from_ref(text)
        }
        Fact::ExposedPorts(list)
        | Fact::Volumes(list)
        | Fact::Healthcheck(list)
        | Fact::Entrypoint(list) => list,
    }
}

fn is_sound(fact: &Fact) -> bool {
    let lines = matches!(fact, Fact::Entrypoint(_) | Fact::Healthcheck(_));
    // Scripts stand in commands, with their line ends.
    let is_control = |c: char| c.is_control() && !(lines && matches!(c, '\n' | '\t'));
    let list = texts(fact);
    list.len() <= MAX_LIST
        && list.iter().all(|text| text.len() <= MAX_TEXT && !text.contains(is_control))
}

/// The facts that all platforms agree on.
pub(crate) fn agreed(platforms: Vec<Vec<Fact>>) -> Vec<Fact> {
    let mut platforms = platforms.into_iter();
    let Some(mut facts) = platforms.next() else { return Vec::new() };
    for other in platforms {
        facts.retain(|fact| other.contains(fact));
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::{Manifest, agreed, facts, manifest};
    use record::Fact;

    const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    #[test]
    fn manifests_lead_to_configurations() {
        let of = |text: String| manifest(text.replace('\'', "\"").as_bytes());
        let entry = |os: &str| format!("{{'digest':'{DIGEST}','platform':{{'os':'{os}'}}}}");
        let index = |entries: &str| of(format!("{{'schemaVersion':2,'manifests':[{entries}]}}"));
        let entries = [entry("linux"), entry("unknown"), entry("windows")].join(",");
        assert_eq!(index(&entries), Ok(Manifest::Platforms(vec![DIGEST.to_owned()])));
        assert!(index(&vec![entry("linux"); 17].join(",")).is_err());
        assert_eq!(index(""), Ok(Manifest::Platforms(Vec::new())));
        let image = |kind: &str, digest: &str| {
            of(format!(
                "{{'schemaVersion':2,'config':{{'mediaType':'{kind}','digest':'{digest}'}}}}"
            ))
        };
        let config = super::CONFIGS[0];
        assert_eq!(image(config, DIGEST), Ok(Manifest::Config(DIGEST.to_owned())));
        assert_eq!(image("application/vnd.cncf.helm.config.v1+json", DIGEST), Ok(Manifest::Other));
        for hostile in ["sha256:../../secret", "sha512:00", ""] {
            assert!(image(config, hostile).is_err(), "{hostile}");
        }
        assert!(of("{'schemaVersion':1}".to_owned()).is_err());
        assert!(manifest(b"\xff").is_err() && manifest(b"").is_err());
    }

    #[test]
    fn facts_are_what_the_configuration_says() {
        let text = r#"{"os":"linux","config":{"User":"1000:0","ExposedPorts":{"80/tcp":{},
            "443/tcp":{}},"Healthcheck":{"Test":["CMD","ok"]},"Entrypoint":["/a"],"Cmd":["-b"],
            "Volumes":null}}"#;
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let found = facts(text.as_bytes()).unwrap();
        assert_eq!(
            found,
            [
                Fact::User("1000:0".to_owned()),
                Fact::ExposedPorts(list(&["443/tcp", "80/tcp"])),
                Fact::Healthcheck(list(&["CMD", "ok"])),
                Fact::Entrypoint(list(&["/a", "-b"])),
            ]
        );
        let root = [Fact::User(String::new()), Fact::ExposedPorts(Vec::new())];
        assert_eq!(facts(br#"{"os":"linux"}"#).unwrap(), root);
        assert_eq!(facts(br#"{"os":"windows","config":{"User":"1"}}"#).unwrap(), []);
        assert_eq!(agreed(vec![found, root.to_vec()]), []);
    }

    #[test]
    fn hostile_facts_are_left_out() {
        let user = |text: &str| {
            let json = serde_json::json!({ "os": "linux", "config": { "User": text } });
            facts(json.to_string().as_bytes()).unwrap().contains(&Fact::User(text.to_owned()))
        };
        assert!(user("1000"));
        assert!(!user("\u{1b}[2J1000") && !user("1\n2") && !user(&"1".repeat(5_000)));
        assert!(facts(b"{\"os\":\"linux\",\"config\":{\"User\":\"\xff\"}}").is_err());
    }
}
