//! The JSON Schema of the configuration, for editors. A test holds its keys against those that are
//! read.

use rules::DefaultValue;
use serde_json::{Map, Value, json};

/// The schema, in the dialect of 2020-12.
pub(crate) fn json_schema() -> Value {
    let rule_ids: Vec<&str> = rules::all().iter().map(|entry| entry.rule.id).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "k8s-auto-fix",
        "description": "Configuration of k8s-auto-fix; flags override it",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "profile": one_of(
                "Rules that run",
                &["default", "all", "pod-security-baseline", "pod-security-restricted", "nsa",
                  "cis", "kube-linter"],
            ),
            "select": texts("Rules to run instead of the profile's"),
            "ignore": texts("Rules not to run"),
            "kubernetes_versions": texts("Versions that objects must be valid for"),
            "pod_security_version": text("Version of the Pod Security Standards: latest or v1.N"),
            "context": one_of("Which objects see each other", &["all", "directory"]),
            "parameters": parameters(),
            "values": list("Values that no manifest holds; the first that matches counts", values()),
            "ignores": list("Findings that are not to be heard of", ignore(&rule_ids)),
            "baseline": text("File of findings that are known already"),
            "min_severity": one_of("Less severe findings do not count", &SEVERITIES),
            "fail_on": one_of(
                "Least severity that makes the exit code 1",
                &["low", "medium", "high", "critical", "never"],
            ),
            "risk": risk(),
            "seed": whole("Seed of everything that is random", 0),
            "max_attempts": whole("Attempts of a model at one finding", 0),
            "proposer": object("Who proposes", &[], json!({
                "mode": text("rules, or the name of a model backend: rules first, then the model"),
                "retries": whole("How often a request is repeated that got no answer", 0),
                "timeout_seconds": number("Seconds that one answer may take"),
                "cache_dir": text("Where answers are kept"),
            })),
            "grok": backend(),
            "vendor": backend(),
            "vllm": backend(),
            "models": {
                "description": "Further model backends, by name",
                "type": "object",
                "additionalProperties": backend(),
            },
            "retry_budgets": {
                "description": "Attempts by policy",
                "type": "object",
                "additionalProperties": whole("Attempts", 0),
            },
            "rules": object("Switch of the rules", &[], json!({
                "enabled": flag("Whether rules propose"),
            })),
            "scheduling": scheduling(),
            "model_budget": object("What one run may ask of a model", &[], json!({
                "requests": whole("Requests, repeated ones too", 0),
                "tokens": whole("Tokens sent and received", 0),
                "cost": number("By the backend's prices, in their currency"),
            })),
        },
    })
}

const SEVERITIES: [&str; 4] = ["low", "medium", "high", "critical"];

fn text(description: &str) -> Value {
    json!({ "description": description, "type": ["string", "null"] })
}

fn number(description: &str) -> Value {
    json!({ "description": description, "type": ["number", "null"] })
}

fn whole(description: &str, minimum: i64) -> Value {
    json!({ "description": description, "type": ["integer", "null"], "minimum": minimum })
}

fn flag(description: &str) -> Value {
    json!({ "description": description, "type": ["boolean", "null"] })
}

fn texts(description: &str) -> Value {
    list(description, json!({ "type": "string" }))
}

#[expect(clippy::needless_pass_by_value, reason = "callers make it where they pass it")]
fn list(description: &str, items: Value) -> Value {
    json!({ "description": description, "type": "array", "items": items })
}

fn one_of(description: &str, values: &[&str]) -> Value {
    json!({ "description": description, "enum": values })
}

#[expect(clippy::needless_pass_by_value, reason = "callers make it where they pass it")]
fn object(description: &str, required: &[&str], properties: Value) -> Value {
    json!({
        "description": description,
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": properties,
    })
}

fn map_of_texts(description: &str) -> Value {
    let values = json!({ "type": "string" });
    json!({ "description": description, "type": "object", "additionalProperties": values })
}

fn quantities(description: &str) -> Value {
    let values = json!({ "type": ["string", "number"] });
    json!({ "description": description, "type": "object", "additionalProperties": values })
}

fn values() -> Value {
    object(
        "Values for the objects that match",
        &[],
        json!({
            "match": object("Where they hold; everywhere when absent", &[], json!({
                "kinds": texts("Kinds, as written"),
                "namespaces": texts("Namespaces; `default` also covers objects without one"),
                "names": texts("Names of objects"),
                "labels": map_of_texts("Labels of the object, all of them"),
                "containers": texts("Names of containers"),
            })),
            "resources": object("Resources of a container", &[], json!({
                "requests": quantities("What the scheduler reserves"),
                "limits": quantities("What the kubelet enforces"),
            })),
            "images": map_of_texts("Replacement for an image as the manifest writes it"),
            "runAsUser": whole("User id for containers that need one", 0),
            "runAsGroup": whole("Group id for containers that need one", 0),
            "ttlSecondsAfterFinished": whole("Seconds after which a finished Job goes", 0),
            "startingDeadlineSeconds": whole(
                "Seconds after its time within which a CronJob's run may still start", 0
            ),
            "writablePaths": texts(
                "Paths that containers write to; each becomes an emptyDir when the root file system \
                 turns read-only"
            ),
        }),
    )
}

fn ignore(rule_ids: &[&str]) -> Value {
    let names = json!({ "anyOf": [{ "enum": rule_ids }, { "type": "string" }] });
    let rules = json!({
        "description": "Rules, `*` for all", "type": "array", "minItems": 1, "items": names,
    });
    object(
        "Rules, and where they do not count",
        &["rules"],
        json!({
            "rules": rules,
            "paths": texts("Globs of files; a folder stands for everything in it"),
            "namespaces": texts("Globs of namespaces"),
            "kinds": texts("Globs of kinds"),
            "names": texts("Globs of names"),
            "containers": texts("Globs of containers"),
            "reason": text("Why, for people"),
            "until": text("Last day, as YYYY-MM-DD"),
        }),
    )
}

fn risk() -> Value {
    let entry = object(
        "How much a namespace matters",
        &["match", "criticality"],
        json!({
            "match": texts("Globs of namespaces"),
            "criticality": one_of("How much it matters", &["low", "normal", "high"]),
        }),
    );
    object(
        "What scores of risk depend on",
        &[],
        json!({
            "namespaces": list("The first entry that matches counts", entry),
            "likely": {
                "description": "EPSS score from which an exploit counts as likely",
                "type": "number", "exclusiveMinimum": 0, "maximum": 1,
            },
            "max_feed_age_days": { "description": "Days after which feeds are called old",
                "type": "integer", "minimum": 0 },
        }),
    )
}

fn backend() -> Value {
    object(
        "A model behind an endpoint that speaks chat completions",
        &[],
        json!({
            "endpoint": text("URL; /v1/chat/completions is added unless it ends so"),
            "model": text("The model, as the endpoint knows it"),
            "api_key_env": text("Variable that holds the key; no key is sent without it"),
            "auth_header": text("Header that carries the key; by default Authorization"),
            "auth_scheme": text("Word before the key; by default Bearer"),
            "temperature": number("0 when absent"),
            "max_tokens": whole("Most tokens of an answer", 0),
            "stream": { "description": "Whether the answer comes as a stream", "type": "boolean" },
            "structured": one_of(
                "Whether the answer is asked for by JSON Schema",
                &["auto", "off", "json-schema"],
            ),
            "prompt_price": number("Price of a million tokens of prompt"),
            "completion_price": number("Price of a million tokens of answer"),
            "requests_per_minute": whole("Requests a minute; no limit when absent", 0),
            "concurrency": whole("Requests at the same time; 4 when absent", 0),
        }),
    )
}

fn scheduling() -> Value {
    let zone = text("Time zone, such as Europe/Berlin; by default UTC");
    let zone = || json!({ "description": zone["description"], "type": "string" });
    let required = |description: &str| json!({ "description": description, "type": "string" });
    let exploited = json!({
        "description": "Whether known exploited ones need not wait", "type": "boolean",
    });
    let days = json!({ "enum": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] });
    let window = object(
        "When items may be worked on",
        &["from", "to"],
        json!({
            "namespaces": texts("Globs of namespaces; all when empty"),
            "days": list("Days on which it opens; every day when empty", days),
            "from": required("HH:MM"),
            "to": required("HH:MM, on the next day when not later than `from`"),
            "zone": zone(),
            "exploited_at_any_time": exploited,
        }),
    );
    let freeze = object(
        "When nothing is changed",
        &["from", "to"],
        json!({
            "namespaces": texts("Globs of namespaces; all when empty"),
            "from": required("YYYY-MM-DDTHH:MM"),
            "to": required("YYYY-MM-DDTHH:MM"),
            "zone": zone(),
            "reason": required("Why, for people"),
            "exploited_at_any_time": exploited,
        }),
    );
    object(
        "When and in what order fixes are worked on",
        &[],
        json!({
            "max_wait_hours": number("Hours that an item without a deadline may wait"),
            "lead_hours": number("Hours before its deadline from which an item is due"),
            "windows": list("Change windows", window),
            "freezes": list("Freezes", freeze),
        }),
    )
}

/// The parameters of every rule that has some.
fn parameters() -> Value {
    let mut by_rule = Map::new();
    for entry in rules::all().iter().filter(|entry| !entry.rule.parameters.is_empty()) {
        let parameters = entry.rule.parameters.iter().map(|parameter| {
            let mut schema = kind(parameter.default);
            schema["description"] = parameter.meaning.into();
            schema["default"] = parameter.default.to_json();
            (parameter.name.to_owned(), schema)
        });
        let parameters = Value::Object(parameters.collect());
        by_rule.insert(entry.rule.id.to_owned(), object(entry.rule.title, &[], parameters));
    }
    object("Parameters of rules", &[], Value::Object(by_rule))
}

fn kind(default: DefaultValue) -> Value {
    match default {
        DefaultValue::Integer(_) => json!({ "type": "integer" }),
        DefaultValue::Number(_) => json!({ "type": "number" }),
        DefaultValue::Text(_) | DefaultValue::Pattern(_) => json!({ "type": "string" }),
        DefaultValue::List(_) | DefaultValue::Patterns(_) => {
            json!({ "type": "array", "items": { "type": "string" } })
        }
        DefaultValue::Flag(_) => json!({ "type": "boolean" }),
    }
}

#[cfg(test)]
mod tests {
    use super::json_schema;
    use crate::config::Config;
    use serde_json::{Map, Value, json};

    /// The keys that are read where `put` puts an unknown one, as serde names them.
    fn read(put: &dyn Fn(Value) -> Value) -> Vec<String> {
        let mut unknown = Map::new();
        unknown.insert("\u{1}".to_owned(), Value::Null);
        let error = serde_json::from_value::<Config>(put(unknown.into())).unwrap_err().to_string();
        let (_, expected) = error.split_once("expected").unwrap_or_else(|| panic!("{error}"));
        let mut keys: Vec<String> =
            expected.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        keys.sort();
        keys
    }

    fn keys(schema: &Value, pointer: &str) -> Vec<String> {
        let object = schema.pointer(pointer).unwrap_or_else(|| panic!("{pointer}"));
        assert_eq!(object["additionalProperties"], false, "{pointer}");
        let mut keys: Vec<String> =
            object["properties"].as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    }

    #[test]
    fn the_schema_has_the_keys_that_are_read() {
        let schema = json_schema();
        assert_eq!(keys(&schema, ""), read(&|unknown| unknown));
        for name in
            ["proposer", "grok", "vendor", "vllm", "rules", "scheduling", "model_budget", "risk"]
        {
            let read = read(&|unknown| json!({ name: unknown }));
            assert_eq!(keys(&schema, &format!("/properties/{name}")), read, "{name}");
        }
        let model = read(&|unknown| json!({ "models": { "x": unknown } }));
        assert_eq!(keys(&schema, "/properties/models/additionalProperties"), model);
        for (pointer, put) in [
            (
                "/values/items",
                &(|unknown| json!({ "values": [unknown] })) as &dyn Fn(Value) -> Value,
            ),
            (
                "/values/items/properties/match",
                &|unknown| json!({ "values": [{ "match": unknown }] }),
            ),
            (
                "/values/items/properties/resources",
                &|unknown| json!({ "values": [{ "resources": unknown }] }),
            ),
            ("/ignores/items", &|unknown| json!({ "ignores": [unknown] })),
            (
                "/risk/properties/namespaces/items",
                &|unknown| json!({ "risk": { "namespaces": [unknown] } }),
            ),
            (
                "/scheduling/properties/windows/items",
                &|unknown| json!({ "scheduling": { "windows": [unknown] } }),
            ),
            (
                "/scheduling/properties/freezes/items",
                &|unknown| json!({ "scheduling": { "freezes": [unknown] } }),
            ),
        ] {
            assert_eq!(keys(&schema, &format!("/properties{pointer}")), read(put), "{pointer}");
        }
    }
}
