//! Container image references.

/// The parts of an image reference as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference<'a> {
    /// Registry and repository.
    pub name: &'a str,
    /// The tag, without the colon.
    pub tag: Option<&'a str>,
    /// The digest with its algorithm, without the at sign.
    pub digest: Option<&'a str>,
}

impl<'a> Reference<'a> {
    /// Splits a reference. A colon before the last slash belongs to a registry's port.
    pub fn parse(image: &'a str) -> Self {
        let (rest, digest) =
            image.split_once('@').map_or((image, None), |(rest, digest)| (rest, Some(digest)));
        let last = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match rest[last..].rfind(':') {
            Some(colon) => (&rest[..last + colon], Some(&rest[last + colon + 1..])),
            None => (rest, None),
        };
        Self { name, tag, digest }
    }
}

/// The whole reference that a container runtime reads in an image: registry, repository, and digest
/// or tag; with a digest the tag does not count. `nginx` is `docker.io/library/nginx:latest`.
/// `None` for what no runtime takes, such as a template that nobody filled in.
pub fn canonical(image: &str) -> Option<String> {
    let reference = Reference::parse(image);
    let (registry, repository) = registry_of(reference.name);
    let official = registry == DOCKER_HUB && !repository.contains('/');
    let library = if official { "library/" } else { "" };
    let name = format!("{registry}/{library}{repository}");
    let valid = name.len() <= 255 && is_host(registry) && repository.split('/').all(is_component);
    match (reference.tag, reference.digest) {
        _ if !valid => None,
        (tag, Some(digest)) => {
            (is_digest(digest) && tag.is_none_or(is_tag)).then(|| format!("{name}@{digest}"))
        }
        (tag, None) => {
            let tag = tag.unwrap_or("latest");
            is_tag(tag).then(|| format!("{name}:{tag}"))
        }
    }
}

/// The registry that is meant when an image names none.
pub const DOCKER_HUB: &str = "docker.io";

/// What stands before the first slash is a registry when it cannot be part of a repository.
fn registry_of(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some(("index.docker.io", rest)) => (DOCKER_HUB, rest),
        Some((first, rest))
            if first.contains(['.', ':'])
                || first == "localhost"
                || first.contains(|c: char| c.is_ascii_uppercase()) =>
        {
            (first, rest)
        }
        _ => (DOCKER_HUB, name),
    }
}

/// A host name or address with an optional port.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rfind(':').filter(|_| !text.ends_with(']')) {
        Some(colon) => (&text[..colon], Some(&text[colon + 1..])),
        None => (text, None),
    };
    let is_label = |label: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !label.is_empty()
            && label.chars().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let is_address = |text: &str| text.parse::<std::net::Ipv6Addr>().is_ok();
    address.map_or_else(|| host.split('.').all(is_label), is_address)
        && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

/// Part of a repository's path: lower-case words with `.`, `_`, `__` or hyphens between them.
fn is_component(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separators = text.split(is_word).filter(|between| !between.is_empty());
    text.starts_with(is_word)
        && text.ends_with(is_word)
        && separators
            .into_iter()
            .all(|s| matches!(s, "." | "_" | "__") || s.bytes().all(|byte| byte == b'-'))
}

/// Whether a tag is one that registries take.
pub fn is_tag(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    (1..=128).contains(&text.len()) && text.chars().all(inner) && !text.starts_with(['.', '-'])
}

/// Whether it is a SHA-256 digest, the only kind that registries hand out.
pub fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

#[cfg(test)]
mod tests {
    use super::{Reference, canonical};

    #[test]
    fn a_port_is_not_a_tag() {
        let image = Reference::parse("registry:5000/team/web");
        assert_eq!((image.name, image.tag), ("registry:5000/team/web", None));
        let image = Reference::parse("registry:5000/team/web:1.2@sha256:ab");
        assert_eq!(image.name, "registry:5000/team/web");
        assert_eq!((image.tag, image.digest), (Some("1.2"), Some("sha256:ab")));
    }

    #[test]
    fn references_become_whole_as_runtimes_read_them() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (image, whole) in [
            ("nginx", "docker.io/library/nginx:latest"),
            ("nginx:1.29", "docker.io/library/nginx:1.29"),
            ("team/web", "docker.io/team/web:latest"),
            ("docker.io/nginx", "docker.io/library/nginx:latest"),
            ("index.docker.io/team/web:a", "docker.io/team/web:a"),
            ("localhost/web", "localhost/web:latest"),
            ("registry:5000/web:1", "registry:5000/web:1"),
            ("[::1]:5000/web", "[::1]:5000/web:latest"),
            ("quay.io/a__b/c-d.e:V_1.2-x", "quay.io/a__b/c-d.e:V_1.2-x"),
        ] {
            assert_eq!(canonical(image).as_deref(), Some(whole), "{image}");
        }
        let pinned = format!("nginx:1@{digest}");
        assert_eq!(canonical(&pinned), Some(format!("docker.io/library/nginx@{digest}")));
    }

    #[test]
    fn what_no_runtime_takes_is_no_reference() {
        for image in [
            "",
            ":",
            "/",
            "{{ .Values.image }}",
            "$(IMAGE)",
            "Nginx",
            "nginx:",
            "nginx:a b",
            "nginx:-x",
            "a//b",
            "a/b/",
            "-a",
            "a..b",
            "a___b",
            "quay.io/",
            "quay.io:x/a",
            "nginx@sha256:short",
            "nginx@",
            "[::zz]:1/a",
            "q\u{e4}y.io/a",
            "http://quay.io/a",
        ] {
            assert_eq!(canonical(image), None, "{image}");
        }
        assert_eq!(canonical(&format!("a/{}", "b".repeat(300))), None);
    }
}
