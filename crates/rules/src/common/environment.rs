//! Environment variables with literal values.

use crate::{Container, Context, Fix, Object, Pod, Remedy, Written};
use manifest::Node;
use serde_json::json;

/// The environment entries that have a value of their own: index, name, value.
pub(crate) fn literals<'a>(
    container: &Container<'a>,
) -> impl Iterator<Item = (usize, &'a str, &'a str)> + use<'a> {
    container.env().filter_map(|(index, entry)| {
        let name = entry.get("name").and_then(Node::as_str)?;
        Some((index, name, entry.get("value").and_then(Node::as_str)?))
    })
}

/// Reports a literal credential. The message names the variable, never its value.
pub(crate) fn report_credential(
    pod: &Pod<'_>,
    container: &Container<'_>,
    (index, name, value): (usize, &str, &str),
    cx: &mut Context<'_, '_>,
) {
    let message = format!("variable {name} of {} holds its value in clear text", container.label());
    let site = container.item_site(pod, &["env"], index, &["name"]);
    let remedy = reference(pod, container, (index, value), cx).unwrap_or_else(|| {
        "needs a Secret that holds the value: refer to it with valueFrom.secretKeyRef, and change \
         the credential, which the manifest has disclosed"
            .into()
    });
    cx.report(site, message, remedy);
}

/// A reference to the one Secret that holds the value.
fn reference(
    pod: &Pod<'_>,
    container: &Container<'_>,
    (index, value): (usize, &str),
    cx: &Context<'_, '_>,
) -> Option<Remedy> {
    // The kubelet expands `$(NAME)` and `$$` in a literal, not in a referenced value.
    let is_expanded = value.contains("$(") || value.contains("$$");
    let entry = container.env().find(|(at, _)| *at == index).map(|(_, entry)| entry);
    let has_source = entry.and_then(|entry| entry.get("valueFrom")).is_some_and(|v| !v.is_null());
    if is_expanded || has_source {
        return None;
    }
    let encoded = base64(value.as_bytes());
    let secrets = cx.set.of_kind(cx.object, "", "Secret");
    let mut holders = secrets.into_iter().flat_map(|secret| {
        keys_holding(secret, value, &encoded).into_iter().map(|key| (secret.name, key))
    });
    let (secret, key) = holders.next()?;
    if holders.next().is_some() {
        return None;
    }
    let path = |field: &str| container.item_path(pod, &["env"], index, &[field]);
    let reference = json!({ "secretKeyRef": { "name": secret, "key": key } });
    let fix = Fix::unsafe_because(
        "the pod starts only where the Secret exists, and follows its value from then on",
    )
    .set(path("valueFrom"), Written::manifest(reference, format!("Secret {secret}, key {key}")))
    .remove(path("value"));
    Some(fix.into())
}

/// The keys of a Secret that hold a value. `stringData` wins over `data`.
fn keys_holding<'a>(secret: &Object<'a>, value: &str, encoded: &str) -> Vec<&'a str> {
    let plain = secret.at(&["stringData"]);
    let in_plain = |key: &str| plain.is_some_and(|map| map.get(key).is_some());
    let same_bytes = |text: &str| text.split(['\r', '\n']).collect::<String>() == encoded;
    let text_of = |entry: (&'a str, Node<'a>, Node<'a>)| Some((entry.0, entry.2.as_str()?));
    let plain_keys = plain.into_iter().flat_map(Node::entries).filter_map(text_of);
    let data = secret.at(&["data"]).into_iter().flat_map(Node::entries).filter_map(text_of);
    plain_keys
        .filter(|(_, text)| *text == value)
        .chain(data.filter(|(key, text)| !in_plain(key) && same_bytes(text)))
        .map(|(key, _)| key)
        .collect()
}

/// Base64 with padding, as Secrets carry it.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_pads_to_groups_of_four() {
        for (plain, encoded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v")] {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
        assert_eq!(base64("ÿ?>".as_bytes()), "w78/Pg==");
    }
}
