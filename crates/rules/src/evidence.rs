//! The seam through which rules ask for what no manifest holds.

use crate::image::{Reference, is_digest, is_tag};
use crate::{Container, Object, Written};
use std::fmt::Debug;

/// A source of what no manifest holds. Who answers says in the value's `source` how far the answer
/// can be trusted, and rules decide by that.
pub trait Evidence: Debug + Send + Sync {
    /// A value to write, for a container, or for the object as a whole when none is given.
    fn value(
        &self,
        question: Question<'_>,
        object: &Object<'_>,
        container: Option<&Container<'_>>,
    ) -> Option<Written>;

    /// What is known of an image, by its name as a manifest writes it.
    fn image(&self, _image: &str) -> Option<&ImageFacts> {
        None
    }

    /// Why nothing is known of an image, when somebody looked in vain.
    fn why_unknown(&self, _image: &str) -> Option<&str> {
        None
    }
}

/// What a rule may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question<'q> {
    /// A quantity for `requests` or `limits` of a container.
    Resource {
        /// `requests` or `limits`.
        list: &'q str,
        /// `cpu`, `memory`, …
        resource: &'q str,
    },
    /// The image to write in place of this one.
    Image(&'q str),
    /// The user id of a container, or of all containers of a pod that set none of their own.
    RunAsUser,
    /// The group id, in the same way.
    RunAsGroup,
    /// Seconds after which a finished Job goes.
    TtlSecondsAfterFinished,
    /// Seconds after its time within which a CronJob's run may still start.
    StartingDeadlineSeconds,
    /// The paths that a container writes to: a list.
    WritablePaths,
}

/// What is known of one image. What nobody looked at is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageFacts {
    /// The whole reference, as [`crate::image::canonical`] writes it.
    pub reference: String,
    /// What the reference stands for.
    pub digest: Option<String>,
    /// A tag with the same digest that looks like a version.
    pub version_tag: Option<String>,
    /// The user as the image's configuration writes it; empty for root.
    pub user: Option<String>,
    /// Ports such as `8080/tcp`.
    pub exposed_ports: Option<Vec<String>>,
    /// Paths that are declared as volumes.
    pub volumes: Option<Vec<String>>,
    /// The health check, as the configuration writes it.
    pub healthcheck: Option<Vec<String>>,
    /// The entry point and the arguments by default.
    pub entrypoint: Option<Vec<String>>,
    /// Who says so.
    pub source: String,
}

/// The user of an image, as the kubelet understands it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageUser<'a> {
    /// Root: empty, the name `root`, or the number 0.
    Root,
    /// A number above 0 that `runAsUser` takes.
    Id(i64),
    /// Anything else. Which number it is stands in the image's file system, where the kubelet does
    /// not look.
    Name(&'a str),
}

impl ImageFacts {
    /// The user; a group behind a colon does not count, as the kubelet drops it.
    pub fn user(&self) -> Option<ImageUser<'_>> {
        let user = self.user.as_deref()?.split(':').next().unwrap_or("");
        let is_number = !user.is_empty() && user.bytes().all(|byte| byte.is_ascii_digit());
        Some(match user.parse::<i32>() {
            _ if user.is_empty() || user == "root" => ImageUser::Root,
            Ok(0) if is_number => ImageUser::Root,
            Ok(id) if is_number => ImageUser::Id(id.into()),
            _ => ImageUser::Name(user),
        })
    }

    /// The TCP ports that the image says it listens on.
    pub fn tcp_ports(&self) -> Vec<i64> {
        let ports = self.exposed_ports.iter().flatten();
        let tcp = ports.filter_map(|port| match port.split_once('/') {
            None => port.parse::<u16>().ok(),
            Some((number, "tcp")) => number.parse().ok(),
            Some(_) => None,
        });
        tcp.filter(|port| *port > 0).map(i64::from).collect()
    }

    /// The image as it was written, with the digest, and with the version's tag when there is one.
    /// `None` when it has a digest already, or none is known.
    pub fn pinned(&self, image: &str) -> Option<String> {
        let written = Reference::parse(image);
        let digest = self.digest.as_deref().filter(|digest| is_digest(digest))?;
        if written.digest.is_some() {
            return None;
        }
        let tag = self.version_tag.as_deref().filter(|tag| is_tag(tag)).or(written.tag);
        Some(match tag {
            Some(tag) => format!("{}:{tag}@{digest}", written.name),
            None => format!("{}@{digest}", written.name),
        })
    }

    /// Who says it of what, for the provenance of a written value.
    pub fn detail(&self) -> String {
        match self.digest.as_deref().filter(|digest| !self.reference.ends_with(digest)) {
            Some(digest) => format!("{} {}@{digest}", self.source, self.reference),
            None => format!("{} {}", self.source, self.reference),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ImageFacts, ImageUser};

    fn image(user: &str) -> ImageFacts {
        ImageFacts { user: Some(user.to_owned()), ..ImageFacts::default() }
    }

    #[test]
    fn users_are_read_as_the_kubelet_reads_them() {
        for root in ["", "0", "00", "root", "0:1000", ":1000", "root:root"] {
            assert_eq!(image(root).user(), Some(ImageUser::Root), "{root:?}");
        }
        for (user, id) in [("1", 1), ("1000", 1000), ("1000:0", 1000), ("2147483647", 2147483647)] {
            assert_eq!(image(user).user(), Some(ImageUser::Id(id)), "{user:?}");
        }
        for name in ["nginx", "nobody:nogroup", "-5", "+5", "2147483648", " 1000", "1000 ", "1e3"] {
            assert!(matches!(image(name).user(), Some(ImageUser::Name(_))), "{name:?}");
        }
        assert_eq!(ImageFacts::default().user(), None);
    }

    #[test]
    fn a_tag_is_kept_or_becomes_the_version_and_is_never_made_up() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let mut facts = ImageFacts { digest: Some(digest.clone()), ..ImageFacts::default() };
        assert_eq!(facts.pinned("nginx").unwrap(), format!("nginx@{digest}"));
        assert_eq!(facts.pinned("a:5000/b:c").unwrap(), format!("a:5000/b:c@{digest}"));
        assert_eq!(facts.pinned(&format!("nginx@{digest}")), None);
        facts.version_tag = Some("1.29.3".to_owned());
        assert_eq!(facts.pinned("nginx").unwrap(), format!("nginx:1.29.3@{digest}"));
        assert_eq!(facts.pinned("nginx:latest").unwrap(), format!("nginx:1.29.3@{digest}"));
        facts.version_tag = Some("1.29 # no tag".to_owned());
        assert_eq!(facts.pinned("nginx:latest").unwrap(), format!("nginx:latest@{digest}"));
        facts.digest = Some("sha256:short".to_owned());
        assert_eq!(facts.pinned("nginx"), None);
    }

    #[test]
    fn only_tcp_ports_count() {
        let ports = ["8080/tcp", "53/udp", "9090", "0/tcp", "x/tcp", "70000/tcp"];
        let ports = Some(ports.map(str::to_owned).to_vec());
        let facts = ImageFacts { exposed_ports: ports, ..ImageFacts::default() };
        assert_eq!(facts.tcp_ports(), [8080, 9090]);
    }
}
