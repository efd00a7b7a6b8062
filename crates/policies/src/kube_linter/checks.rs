//! The built-in checks: names for templates with parameters.

use serde_json::{Value, json};

/// A built-in check.
pub(super) struct BuiltIn {
    pub(super) name: &'static str,
    pub(super) template: &'static str,
    /// The object kinds that it looks at.
    pub(super) kinds: &'static [&'static str],
    pub(super) is_default: bool,
    pub(super) params: fn() -> Value,
}

const WORKLOADS: &[&str] = &["DeploymentLike"];

const fn check(
    name: &'static str,
    template: &'static str,
    kinds: &'static [&'static str],
    is_default: bool,
    params: fn() -> Value,
) -> BuiltIn {
    BuiltIn { name, template, kinds, is_default, params }
}

fn none() -> Value {
    Value::Null
}

fn host_folders() -> Value {
    json!({"dirs": ["^/$", "^/boot$", "^/dev$", "^/etc$", "^/lib$", "^/proc$", "^/sys$", "^/usr$"]})
}

fn access_to_secrets() -> Value {
    json!({"resources": ["^secrets$"],
           "verbs": ["^get$", "^list$", "^delete$", "^create$", "^watch$", "^*$"]})
}

fn access_to_create_pods() -> Value {
    let resources =
        ["pods", "deployments", "statefulsets", "replicasets", "cronjob", "jobs", "daemonsets"];
    json!({"resources": resources.map(|name| format!("^{name}$")), "verbs": ["^create$"]})
}

const BINDINGS: &[&str] = &["RoleBinding", "ClusterRoleBinding"];
const BUDGET: &[&str] = &["PodDisruptionBudget"];
const AUTOSCALER: &[&str] = &["HorizontalPodAutoscaler"];

/// All of them, sorted by name.
#[rustfmt::skip]
pub(super) const ALL: &[BuiltIn] = &[
    check("access-to-create-pods", "access-to-resources", BINDINGS, false, access_to_create_pods),
    check("access-to-secrets", "access-to-resources", BINDINGS, false, access_to_secrets),
    check("cluster-admin-role-binding", "cluster-admin-role-binding", &["ClusterRoleBinding"], false, none),
    check("dangling-horizontalpodautoscaler", "dangling-horizontalpodautoscaler", AUTOSCALER, false, none),
    check("dangling-ingress", "dangling-ingress", &["Ingress"], false, none),
    check("dangling-networkpolicy", "dangling-networkpolicy", &["NetworkPolicy"], false, none),
    check("dangling-networkpolicypeer-podselector", "dangling-networkpolicypeer-podselector", &["NetworkPolicy"], false, none),
    check("dangling-service", "dangling-service", &["Service"], true, none),
    check("dangling-servicemonitor", "dangling-servicemonitor", &["ServiceMonitor"], false, none),
    check("default-service-account", "service-account", WORKLOADS, false, || json!({"serviceAccount": "^(|default)$"})),
    check("deprecated-service-account-field", "deprecated-service-account-field", WORKLOADS, true, none),
    check("dnsconfig-options", "dnsconfig-options", WORKLOADS, false, || json!({"key": "ndots", "value": "2"})),
    check("docker-sock", "host-mounts", WORKLOADS, true, || json!({"dirs": ["docker.sock$"]})),
    check("drop-net-raw-capability", "verify-container-capabilities", WORKLOADS, true, || json!({"forbiddenCapabilities": ["NET_RAW"]})),
    check("duplicate-env-var", "duplicate-env-var", WORKLOADS, true, none),
    check("env-value-from", "env-value-from", WORKLOADS, false, none),
    check("env-var-secret", "env-var", WORKLOADS, true, || json!({"name": "(?i).*secret.*", "value": ".+"})),
    check("exposed-services", "forbidden-service-types", &["Service"], false, || json!({"forbiddenServiceTypes": ["NodePort", "LoadBalancer"]})),
    check("host-ipc", "host-ipc", WORKLOADS, true, none),
    check("host-network", "host-network", WORKLOADS, true, none),
    check("host-pid", "host-pid", WORKLOADS, true, none),
    check("hpa-minimum-three-replicas", "hpa-minimum-replicas", AUTOSCALER, false, || json!({"minReplicas": 3})),
    check("invalid-target-ports", "target-port", &["DeploymentLike", "Service"], true, none),
    check("job-ttl-seconds-after-finished", "job-ttl-seconds-after-finished", &["JobLike"], true, none),
    check("latest-tag", "latest-tag", WORKLOADS, true, || json!({"blockList": [".*:(latest)$", "^[^:]*$", "(.*/[^:]+)$"]})),
    check("liveness-port", "liveness-port", WORKLOADS, true, none),
    check("minimum-three-replicas", "minimum-replicas", WORKLOADS, false, || json!({"minReplicas": 3})),
    check("mismatching-selector", "mismatching-selector", WORKLOADS, true, none),
    check("no-anti-affinity", "anti-affinity", WORKLOADS, true, || json!({"minReplicas": 2})),
    check("no-extensions-v1beta", "disallowed-api-obj", &["Any"], true, || json!({"group": "extensions", "version": "v1beta.+"})),
    check("no-liveness-probe", "liveness-probe", WORKLOADS, false, none),
    check("no-node-affinity", "no-node-affinity", WORKLOADS, false, none),
    check("no-read-only-root-fs", "read-only-root-fs", WORKLOADS, true, none),
    check("no-readiness-probe", "readiness-probe", WORKLOADS, false, none),
    check("no-rolling-update-strategy", "update-configuration", WORKLOADS, false, || json!({"strategyTypeRegex": "^(RollingUpdate|Rolling)$"})),
    check("non-existent-service-account", "non-existent-service-account", WORKLOADS, true, none),
    check("non-isolated-pod", "non-isolated-pod", WORKLOADS, false, none),
    check("pdb-max-unavailable", "pdb-max-unavailable", BUDGET, true, none),
    check("pdb-min-available", "pdb-min-available", BUDGET, true, none),
    check("pdb-unhealthy-pod-eviction-policy", "pdb-unhealthy-pod-eviction-policy", BUDGET, true, none),
    check("priority-class-name", "priority-class-name", WORKLOADS, false, || json!({"acceptedPriorityClassNames": ["system-cluster-critical", "system-node-critical"]})),
    check("privilege-escalation-container", "privilege-escalation-container", WORKLOADS, true, none),
    check("privileged-container", "privileged", WORKLOADS, true, none),
    check("privileged-ports", "privileged-ports", WORKLOADS, false, none),
    check("read-secret-from-env-var", "read-secret-from-env-var", WORKLOADS, false, none),
    check("readiness-port", "readiness-port", WORKLOADS, true, none),
    check("required-annotation-email", "required-annotation", WORKLOADS, false, || json!({"key": "email", "value": "[a-zA-Z0-9_.+-]+@[a-zA-Z0-9-]+\\.[a-zA-Z0-9-.]+"})),
    check("required-label-owner", "required-label", WORKLOADS, false, || json!({"key": "owner"})),
    check("restart-policy", "restart-policy", WORKLOADS, false, none),
    check("run-as-non-root", "run-as-non-root", WORKLOADS, true, none),
    check("scc-deny-privileged-container", "scc-deny-privileged-container", &["SecurityContextConstraints"], false, || json!({"allowPrivilegedContainer": true})),
    check("schema-validation", "kubeconform", &["Any"], false, || json!({"strict": true, "ignoreMissingSchemas": true})),
    check("sensitive-host-mounts", "host-mounts", WORKLOADS, true, host_folders),
    check("sorted-keys", "sorted-keys", &["Any"], false, || json!({"recursive": true})),
    check("ssh-port", "ports", WORKLOADS, true, || json!({"port": 22, "protocol": "TCP"})),
    check("startup-port", "startup-port", WORKLOADS, true, none),
    check("unsafe-proc-mount", "unsafe-proc-mount", WORKLOADS, false, none),
    check("unsafe-sysctls", "unsafe-sysctls", WORKLOADS, true, || json!({"unsafeSysCtls": ["kernel.msg", "kernel.sem", "kernel.shm", "fs.mqueue.", "net."]})),
    check("unset-cpu-requirements", "cpu-requirements", WORKLOADS, true, || json!({"requirementsType": "request", "lowerBoundMillis": 0, "upperBoundMillis": 0})),
    check("unset-memory-requirements", "memory-requirements", WORKLOADS, true, || json!({"requirementsType": "limit", "lowerBoundMB": 0, "upperBoundMB": 0})),
    check("use-namespace", "use-namespace", &["DeploymentLike", "Service"], false, none),
    check("wildcard-in-rules", "wildcard-in-rules", &["Role", "ClusterRole"], false, none),
    check("writable-host-mount", "writable-host-mount", WORKLOADS, false, none),
];
