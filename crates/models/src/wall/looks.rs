//! What looks like a secret: names, arguments, and parts of texts.

use regex::Regex;
use std::ops::Range;

/// Texts whose secret part is the group `s`, or all of the match.
const TEXTS: [&str; 13] = [
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----|\z)",
    // JSON Web Tokens.
    r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?",
    r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}\b",
    // Tokens that say whose they are.
    r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[a-z]-|xapp-|sk-|sk_live_|rk_live_|npm_|hf_|dckr_pat_|hvs\.|SG\.|AIza|ya29\.|pypi-)[A-Za-z0-9_.-]{8,}",
    r"hooks\.slack\.com/services/(?<s>[^\s'\x22]+)",
    // A word that announces a secret, then the secret, perhaps in quotes.
    r#"(?i)(?:passwo?r?d|pwd|passphrase|token|secret|api[_-]?key|access[_-]?key|private[_-]?key|account[_-]?key|access[_-]?signature|credentials?|\bsig|bearer|["']auth["']|authorization|connection[_-]?string)["']?\s*[=:]\s*(?:(?:basic|bearer|token|digest)\s+)?(?:\\?"(?<s>[^"\\\n]+)|'(?<t>[^'\n]+)|(?<u>[^\s"'&;,\[\]{}$<][^\s"'&;,]*))"#,
    // Users and passwords in URLs, and users that are tokens.
    r#"[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@"'<]*:(?<s>[^\s"'<]+)@"#,
    r#"(?i)https?://(?<s>[^\s/:@"'<]+)@"#,
    r#"(?i)[?&][^=&\s"']*(?:token|key|secret|passw|sig|auth|code|credential)[^=&\s"']*=(?<s>[^&\s"'#<]+)"#,
    r"(?i)\b(?:bearer|basic)\s+(?<s>[A-Za-z0-9._~+/=-]{8,})",
    // Options of command lines, in one text.
    r#"(?i)(?:^|\s)--?[a-z0-9-]*(?:passwo?r?d|passphrase|token|secret|api-?key|access-?key|private-?key|credentials?)\s+["']?(?<s>[^\s"'$<-][^\s"']*)"#,
    r#"(?:\s-u|--user)[ =]*["']?[^\s:"']+:(?<s>[^\s"']+)"#,
    r#"\b(?:mysql\w*|mariadb[\w-]*|sshpass|redis-cli)\b[^\n|;]*?\s-[pa]\s?["']?(?<s>[^\s"'$<]+)"#,
];

/// Long words that may be keys.
const WORDS: &str = r"[A-Za-z0-9+/_=-]{20,}";

/// Names of variables, headers and fields that hold secrets.
const NAMES: &str = r"(?i)passwo?r?d|pwd|passphrase|token|bearer|secret|credential|api[._-]?key|access[._-]?key|private[._-]?key|encryption[._-]?key|signing[._-]?key|authorization|\bauth\b|_auth\b|cookie|\bdsn\b|_dsn\b|connection[._-]?string|salt|[._-]key$|_pat$";

/// Names that only lead to a secret, or say something about one.
const HARMLESS: &str = r"(?i)(?:name|names|ref|reference|file|path|dir|mount|class|provider|type|namespace|policy|mode|enabled|seconds|ttl|issuer|audience|endpoint|algorithm|version)$";

/// Options whose next argument is a secret.
const OPTIONS: &str = r"(?i)^--?[a-z0-9._-]*(?:passwo?r?d|pwd|passphrase|token|secret|api[_-]?key|access[_-]?key|private[_-]?key|credentials?)$";

/// What looks like a secret. Superset of what the rules `env-var-secret` and `sensitive-env-var`
/// report: what is kept back by mistake costs a model little, what is sent by mistake is disclosed.
#[derive(Debug)]
pub(crate) struct Looks {
    texts: Vec<Regex>,
    words: Regex,
    names: Regex,
    harmless: Regex,
    options: Regex,
}

impl Looks {
    pub(crate) fn new() -> Result<Self, regex::Error> {
        Ok(Self {
            texts: TEXTS.iter().map(|text| Regex::new(text)).collect::<Result<_, _>>()?,
            words: Regex::new(WORDS)?,
            names: Regex::new(NAMES)?,
            harmless: Regex::new(HARMLESS)?,
            options: Regex::new(OPTIONS)?,
        })
    }

    /// Whether the value under this name is a secret.
    pub(crate) fn is_name(&self, name: &str) -> bool {
        let credentials = name == "GOOGLE_APPLICATION_CREDENTIALS";
        credentials || self.names.is_match(name) && !self.harmless.is_match(name)
    }

    /// Whether the argument after this one is a secret.
    pub(crate) fn is_option(&self, argument: &str) -> bool {
        self.options.is_match(argument)
    }

    /// The secret parts of a text, in order, apart from each other.
    pub(crate) fn parts(&self, text: &str) -> Vec<Range<usize>> {
        let mut parts = Vec::new();
        for regex in &self.texts {
            for captures in regex.captures_iter(text) {
                let group = ["s", "t", "u"].iter().find_map(|name| captures.name(name));
                parts.extend(group.or_else(|| captures.get(0)).map(|part| part.range()));
            }
        }
        let words = self.words.find_iter(text);
        parts.extend(words.filter(|w| is_key(w.as_str(), &text[..w.start()])).map(|w| w.range()));
        merged(parts)
    }
}

/// Whether a long word is as random as a key. Digests, paths and names of things are not.
fn is_key(word: &str, before: &str) -> bool {
    if ["sha256:", "sha512:", "sha1:"].iter().any(|kind| before.ends_with(kind)) {
        return false;
    }
    let count = |is: fn(&u8) -> bool| word.bytes().filter(is).count();
    let digits = count(u8::is_ascii_digit);
    let (upper, lower) = (count(u8::is_ascii_uppercase), count(u8::is_ascii_lowercase));
    let mixed = digits >= 2 && upper >= 2 && lower >= 2;
    let solid = digits >= 5 && digits + upper.max(lower) == word.len() && word.len() >= 24;
    let long = digits >= 1 && upper >= 5 && lower >= 5 && word.len() >= 32;
    long && entropy(word) > 4.0 || (mixed || solid) && entropy(word) > 3.0
}

/// Bits of information of a letter, by how often each occurs.
fn entropy(word: &str) -> f64 {
    let mut counts = [0_u32; 256];
    word.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    let total = f64::from(u32::try_from(word.len()).unwrap_or(u32::MAX));
    let share = |count: &u32| f64::from(*count) / total;
    counts.iter().filter(|count| **count > 0).map(share).map(|p| -p * p.log2()).sum()
}

/// Parts that touch or overlap become one.
pub(crate) fn merged(mut parts: Vec<Range<usize>>) -> Vec<Range<usize>> {
    parts.retain(|part| !part.is_empty());
    parts.sort_by_key(|part| (part.start, part.end));
    let mut out: Vec<Range<usize>> = Vec::new();
    for part in parts {
        match out.last_mut() {
            Some(last) if part.start <= last.end => last.end = last.end.max(part.end),
            _ => out.push(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::Looks;

    fn parts(text: &str) -> Vec<&str> {
        let looks = Looks::new().unwrap();
        looks.parts(text).into_iter().map(|part| &text[part]).collect()
    }

    #[test]
    fn only_the_secret_part_of_a_text_counts() {
        for (text, secret) in [
            ("postgres://app:hunter2@db:5432/x", "hunter2"),
            ("postgres://app:p@ss/w@db:5432/x", "p@ss/w"),
            ("https://abcd1234@git.example.com/x", "abcd1234"),
            ("https://h/x?api_token=qqq&y=1", "qqq"),
            ("Server=db;User=sa;Password=Xy9;Encrypt=yes", "Xy9"),
            ("log_level: info\npassword: \"two words\"\nport: 80", "two words"),
            ("{\"auths\":{\"r\":{\"auth\":\"dXNlcjpw\"}}}", "dXNlcjpw"),
            ("curl -u admin:geheim http://x", "geheim"),
            ("mysql -h db -u root -pgeheim", "geheim"),
            ("tool --api-token geheim --verbose", "geheim"),
            ("tool --token=geheim --verbose", "geheim"),
            ("Authorization: Bearer abcdefgh12", "abcdefgh12"),
            ("export AWS_SECRET_ACCESS_KEY=abc/def", "abc/def"),
        ] {
            assert_eq!(parts(text), [secret], "{text}");
        }
    }

    #[test]
    fn keys_are_known_by_their_form() {
        for text in [
            "AKIAIOSFODNN7EXAMPLE",
            "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
            "xoxb-123456789012-abcdefghij",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "0123456789abcdef0123456789abcdef",
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
        ] {
            assert_eq!(parts(text), [text]);
        }
    }

    #[test]
    fn what_manifests_are_full_of_is_not_a_secret() {
        let digest = format!("nginx@sha256:{}", "0123456789abcdef".repeat(4));
        for text in [
            digest.as_str(),
            "registry.example.com:5000/team/application-server:1.29.3",
            "/usr/share/elasticsearch/config/certificates",
            "system:serviceaccount:kube-system:node-controller",
            "seccomp.security.alpha.kubernetes.io/pod",
            "http://web.shop.svc.cluster.local:8080/healthz",
            "password: $(DB_PASSWORD)",
            "redis-server --appendonly yes",
        ] {
            assert_eq!(parts(text), Vec::<&str>::new(), "{text}");
        }
    }

    #[test]
    fn names_that_lead_to_a_secret_are_not_one() {
        let looks = Looks::new().unwrap();
        for name in ["DB_PASSWORD", "clientSecret", "API_KEY", "tls.key", "X-Auth-Token", "Cookie"]
        {
            assert!(looks.is_name(name), "{name}");
        }
        for name in ["secretName", "tokenExpirationSeconds", "LOG_LEVEL", "passwordFile", "key"] {
            assert!(!looks.is_name(name), "{name}");
        }
    }
}
