//! What tools say of places: paths in several notations, names in sentences.

/// An RFC 6901 pointer of these tokens.
fn pointer<'t>(tokens: impl Iterator<Item = &'t str>) -> String {
    tokens.fold(String::new(), |mut pointer, token| {
        pointer.push('/');
        pointer.push_str(&token.replace('~', "~0").replace('/', "~1"));
        pointer
    })
}

/// `spec.containers[0].securityContext` and `metadata.labels[app.kubernetes.io/name]` as pointers.
/// A value after `=` is left out. None when nothing is left.
pub(crate) fn from_dotted(path: &str) -> Option<String> {
    let path = path.split('=').next().unwrap_or_default().trim();
    let mut tokens = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (token, after) = inner.split_once(']')?;
            tokens.push(token.trim_matches(['"', '\'']));
            rest = after.strip_prefix('.').unwrap_or(after);
            continue;
        }
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (token, after) = rest.split_at(end);
        if !token.is_empty() {
            tokens.push(token);
        }
        rest = after.strip_prefix('.').unwrap_or(after);
    }
    (!tokens.is_empty()).then(|| pointer(tokens.into_iter()))
}

/// `spec/containers/[0]/image` as a pointer. None for a single word, which is no place.
pub(crate) fn from_slashed(path: &str) -> Option<String> {
    let tokens: Vec<&str> = path
        .split('/')
        .map(|token| token.trim_start_matches('[').trim_end_matches(']'))
        .filter(|token| !token.is_empty())
        .collect();
    (tokens.len() > 1).then(|| pointer(tokens.into_iter()))
}

/// The pointers in a sentence such as `rule x failed at path /spec/containers/0/image/`.
pub(crate) fn in_sentence(message: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (at, _) in message.match_indices("path /") {
        let rest = message.get(at + "path ".len()..).unwrap_or_default();
        let end = rest.find(|c: char| c.is_whitespace() || c == ',').unwrap_or(rest.len());
        let path = rest[..end].trim_end_matches(['/', '.', ':', ';', ')', '"']);
        if path.len() > 1 && !found.iter().any(|known| known == path) {
            found.push(path.to_owned());
        }
    }
    found
}

/// The name in `container "web"`, in any of the quotes that tools use.
pub(crate) fn container_in(message: &str) -> Option<String> {
    let lower = message.to_ascii_lowercase();
    for (at, word) in lower.match_indices("container") {
        // ASCII lower case keeps the offsets.
        let rest = message.get(at + word.len()..)?.trim_start_matches(':').trim_start();
        let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'' | '`')) else {
            continue;
        };
        let name = rest[1..].split(quote).next().unwrap_or_default();
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if !name.is_empty() && name.chars().all(is_name) {
            return Some(name.to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotted_paths() {
        let path = "spec.template.spec.containers[1].securityContext.privileged=true";
        let pointer = "/spec/template/spec/containers/1/securityContext/privileged";
        assert_eq!(from_dotted(path).as_deref(), Some(pointer));
        let label = "metadata.labels[app.kubernetes.io/name]";
        assert_eq!(from_dotted(label).as_deref(), Some("/metadata/labels/app.kubernetes.io~1name"));
        assert_eq!(from_dotted(""), None);
        assert_eq!(from_dotted("a[0"), None);
    }

    #[test]
    fn slashed_paths() {
        let path = "spec/containers/[0]/image";
        assert_eq!(from_slashed(path).as_deref(), Some("/spec/containers/0/image"));
        assert_eq!(from_slashed("resource_type"), None);
    }

    #[test]
    fn pointers_and_names_in_sentences() {
        let message = "validation error: no. rule a[0] failed at path /spec/hostPID/ rule a[1] \
                       failed at path /spec/containers/0/image/";
        assert_eq!(in_sentence(message), ["/spec/hostPID", "/spec/containers/0/image"]);
        assert_eq!(container_in("container \"web\" is privileged").as_deref(), Some("web"));
        assert_eq!(container_in("Container 'a.b' of Pod 'x'").as_deref(), Some("a.b"));
        assert_eq!(container_in("containers of Pod \"x\""), None);
        assert_eq!(container_in("İcontainer \"x y\""), None);
    }
}
