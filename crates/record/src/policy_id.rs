/// The reference system's canonical policy id for a raw scanner id; ids that it does not know are
/// returned trimmed and in lower case.
///
/// Source: the reference's id map, `behaviour` §3 of its catalogue.
pub fn canonical_policy_id(raw: &str) -> String {
    let id = raw.trim().to_lowercase();
    let canonical = match id.as_str() {
        "latest-tag" => "no_latest_tag",
        "no-privileged" | "privileged-container" => "no_privileged",
        "privilege-escalation-container"
        | "drop-capabilities"
        | "linux-capabilities"
        | "invalid-capabilities"
        | "drop-net-raw-capability" => "drop_capabilities",
        "cap-sys-admin" | "sys-admin-capability" => "drop_cap_sys_admin",
        "allow-privilege-escalation" | "allow-privilege-escalation-container" => {
            "no_allow_privilege_escalation"
        }
        "hostpath"
        | "host-path"
        | "hostpath-volume"
        | "disallow-hostpath"
        | "sensitive-host-mounts"
        | "docker-sock" => "no_host_path",
        "hostports" | "host-port" | "host-ports" | "disallow-hostports" => "no_host_ports",
        "ssh-port" => "ssh_port",
        "hostnetwork" | "host-network" => "no_host_network",
        "hostpid" | "host-pid" => "no_host_pid",
        "hostipc" | "host-ipc" => "no_host_ipc",
        "run-as-non-root" | "check-runasnonroot" => "run_as_non_root",
        "run-as-user" | "check-runasuser" | "requires-runasuser" => "run_as_user",
        "no-read-only-root-fs" => "read_only_root_fs",
        "check-requests-limits" | "unset-cpu-requirements" | "unset-memory-requirements" => {
            "set_requests_limits"
        }
        "liveness-port" => "liveness_port",
        "readiness-port" => "readiness_port",
        "startup-port" => "startup_port",
        "env-var-secret" | "envvar-secret" => "env_var_secret",
        "duplicate-env-var" => "duplicate_env_var",
        "dangling-service" => "dangling_service",
        "non-existent-service-account" => "non_existent_service_account",
        "deprecated-service-account-field" => "deprecated_service_account_field",
        "pdb-unhealthy-pod-eviction-policy" => "pdb_unhealthy_eviction_policy",
        "job-ttl-seconds-after-finished" => "job_ttl_after_finished",
        "unsafe-sysctls" => "unsafe_sysctls",
        "no-anti-affinity" => "no_anti_affinity",
        "invalid-target-ports" => "invalid_target_ports",
        "mismatching-selector" => "mismatching_selector",
        _ => return id,
    };
    canonical.to_owned()
}

#[cfg(test)]
mod tests {
    use super::canonical_policy_id;

    #[test]
    fn raw_ids_of_several_scanners_meet_in_one_policy() {
        for raw in ["latest-tag", " Latest-Tag ", "no_latest_tag"] {
            assert_eq!(canonical_policy_id(raw), "no_latest_tag");
        }
        assert_eq!(canonical_policy_id("docker-sock"), "no_host_path");
    }

    #[test]
    fn unknown_ids_pass_through_in_lower_case() {
        assert_eq!(canonical_policy_id("CKV_K8S_99"), "ckv_k8s_99");
        assert_eq!(canonical_policy_id(""), "");
    }
}
