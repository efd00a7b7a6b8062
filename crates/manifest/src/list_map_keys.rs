//! Which fields of a list item tell it from its neighbours.

/// Candidate key sets by the name of the list field, sorted by name.
const LIST_MAP_KEYS: &[(&str, &[&[&str]])] = &[
    ("conditions", &[&["type"]]),
    ("containerStatuses", &[&["name"]]),
    ("containers", &[&["name"]]),
    ("devices", &[&["name"]]),
    ("egress", &[&["name"]]),
    ("endpoints", &[&["name"]]),
    ("env", &[&["name"]]),
    ("ephemeralContainers", &[&["name"]]),
    ("hostAliases", &[&["ip"]]),
    ("httpHeaders", &[&["name"]]),
    ("imagePullSecrets", &[&["name"]]),
    ("initContainers", &[&["name"]]),
    ("items", &[&["key", "path"], &["kind", "metadata"]]),
    ("matchConditions", &[&["name"]]),
    ("metrics", &[&["name"]]),
    ("ownerReferences", &[&["uid"]]),
    ("podFailurePolicy", &[&["name"]]),
    ("ports", &[&["containerPort", "protocol"], &["port", "protocol"], &["name"]]),
    ("readinessGates", &[&["conditionType"]]),
    ("resourceClaims", &[&["name"]]),
    ("rules", &[&["name"], &["host"]]),
    ("schedulingGates", &[&["name"]]),
    ("secrets", &[&["name"]]),
    ("subjects", &[&["kind", "name", "namespace"]]),
    ("sysctls", &[&["name"]]),
    ("tolerations", &[&["key", "operator", "value", "effect"]]),
    ("topologySpreadConstraints", &[&["topologyKey", "whenUnsatisfiable"]]),
    ("versions", &[&["name"]]),
    ("volumeAttachments", &[&["name"]]),
    ("volumeClaimTemplates", &[&["metadata"]]),
    ("volumeDevices", &[&["devicePath"]]),
    ("volumeMounts", &[&["mountPath"]]),
    ("volumes", &[&["name"]]),
    ("webhooks", &[&["name"]]),
];

/// Key sets that may identify an item of the list field `field`, best first.
pub fn list_map_keys(field: &str) -> &'static [&'static [&'static str]] {
    match LIST_MAP_KEYS.binary_search_by_key(&field, |(name, _)| name) {
        Ok(at) => LIST_MAP_KEYS[at].1,
        Err(_) => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(LIST_MAP_KEYS.is_sorted_by_key(|(name, _)| name));
        assert_eq!(list_map_keys("containers"), [["name"]]);
        assert!(list_map_keys("nothing").is_empty());
    }
}
