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

#[cfg(test)]
mod tests {
    use super::Reference;

    #[test]
    fn a_port_is_not_a_tag() {
        let image = Reference::parse("registry:5000/team/web");
        assert_eq!((image.name, image.tag), ("registry:5000/team/web", None));
        let image = Reference::parse("registry:5000/team/web:1.2@sha256:ab");
        assert_eq!(image.name, "registry:5000/team/web");
        assert_eq!((image.tag, image.digest), (Some("1.2"), Some("sha256:ab")));
    }
}
