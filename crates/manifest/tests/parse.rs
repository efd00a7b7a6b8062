//! Reading: documents, values, spans, keyed paths, and bad input.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use manifest::{Kind, Limits, Node, Path, Source, SourceError};
use serde_json::{Value, json};

fn source(text: &str) -> Source {
    Source::parse(text.as_bytes().to_vec(), &Limits::default()).unwrap()
}

fn value(text: &str) -> Value {
    let source = source(text);
    assert!(source.documents()[0].error().is_none(), "{:?}", source.documents()[0].error());
    source.root(0).unwrap().to_json()
}

fn error(text: &str) -> String {
    source(text).documents()[0].error().expect("must not parse").to_string()
}

fn slice<'a>(source: &'a Source, node: Node<'a>) -> &'a str {
    &source.text()[node.span()]
}

#[test]
fn reads_values_as_kubernetes_does() {
    assert_eq!(
        value(
            "a: yes\nb: 0755\nc: ~\nd: 1.5\ne: \"y\"\nf: 08\ng: !!str 12\nh:\ni: 2001-01-01\non: 1\n"
        ),
        json!({"a": true, "b": 493, "c": null, "d": 1.5, "e": "y", "f": 8.0, "g": "12", "h": null,
               "i": "2001-01-01", "true": 1})
    );
    assert_eq!(value("a: 1\na: 2\n"), json!({"a": 2}));
    assert_eq!(value("{\n\t\"a\": [1, \"\\/\\ud83e\\udd80\"]\n}"), json!({"a": [1, "/🦀"]}));
    assert_eq!(value("x: |\n  a\n  b"), json!({"x": "a\nb\n"}));
}

#[test]
fn merge_keys_act_where_they_stand() {
    let text = "b: &b {x: 1, v: 1}\nc: &c {v: 2, z: 2}\nu:\n  x: 0\n  <<: [*b, *c]\n  z: 3\n";
    let source = source(text);
    let used = source.root(0).unwrap().get("u").unwrap();
    assert_eq!(used.to_json(), json!({"x": 1, "v": 1, "z": 3}));
    assert_eq!(used.get("x").unwrap().as_i64(), Some(1));
    assert_eq!(used.get("v").unwrap().as_i64(), Some(1));
    assert_eq!(used.get("z").unwrap().as_i64(), Some(3));
    assert_eq!(used.len(), 3);
    assert!(error("a:\n  <<: 1\n").contains("`<<` takes a map"));
}

#[test]
fn spans_are_exact() {
    let text = "a: &x \"q\" # c\nb: |+ # h\n  one\n\n  two\n\n\nc:\nd: *x\ne:\n- \n-   # none\n- [1, {k: }]\nf: ''\n";
    let source = source(text);
    let root = source.root(0).unwrap();
    let at = |key: &str| slice(&source, root.get(key).unwrap());
    assert_eq!(at("a"), "\"q\"");
    assert_eq!(at("b"), "|+ # h\n  one\n\n  two\n\n");
    assert_eq!(root.get("b").unwrap().as_str(), Some("one\n\ntwo\n\n\n"));
    assert_eq!(root.get("c").unwrap().span(), 41..41);
    assert_eq!(at("d"), "*x");
    assert_eq!(root.get("d").unwrap().as_str(), Some("q"));
    assert_eq!(at("e"), "- \n-   # none\n- [1, {k: }]");
    let dashes: Vec<_> = root.get("e").unwrap().items().map(|item| item.span().start).collect();
    assert_eq!(dashes[..2], [text.find("- \n").unwrap() + 1, text.find("-   #").unwrap() + 1]);
    assert_eq!(at("f"), "''");
    let comments: Vec<_> = source.comments().map(|span| &source.text()[span]).collect();
    assert_eq!(comments, ["# c", "# h", "# none"]);
}

#[test]
fn documents_are_cut_by_lines() {
    let text = "\u{feff}# head\n---\n# only\n\n--- # note\n\u{feff}a: 1\n...\nignored: [\n---\n\n--- b: 2\n---\nc: [\n---\r\nd: 1\r\n";
    let source = source(text);
    assert_eq!(source.documents().len(), 4);
    assert_eq!(source.root(0).unwrap().to_json(), json!({"a": 1}));
    let separator = source.documents()[1].error().unwrap();
    assert_eq!((separator.line, separator.column), (11, 5));
    assert!(separator.message.contains("only a comment may follow"));
    assert!(source.root(2).is_none());
    assert_eq!(source.documents()[2].error().unwrap().line, 13);
    assert_eq!(source.root(3).unwrap().to_json(), json!({"d": 1}));
    assert!(source.documents().iter().enumerate().all(|(at, document)| document.index() == at));
    let comments: Vec<_> = source.comments().map(|span| &source.text()[span]).collect();
    assert_eq!(comments, ["# head", "# only", "# note"]);
}

#[test]
fn positions_count_characters() {
    let source = source("\u{feff}ż: 1\nb: \"ó\" # x\n");
    let at = source.text().find('#').unwrap();
    assert_eq!((source.position(at).line, source.position(at).column), (2, 8));
    let one = source.text().find('1').unwrap();
    assert_eq!((source.position(one).line, source.position(one).column), (1, 4));
    assert_eq!(source.position(1 << 20).line, 3);
}

#[test]
fn duplicate_keys_are_reported() {
    let source = source("a: 1\nb: {c: 1, \"c\": 2}\na: 3\n");
    let spans = source.documents()[0].duplicate_keys();
    let keys: Vec<_> = spans.iter().map(|span| &source.text()[span.clone()]).collect();
    assert_eq!(keys, ["\"c\"", "a"]);
    let many: String =
        (0..50).map(|at| format!("k{at}: 1\n")).chain(["k7: 2\n".to_owned()]).collect();
    assert_eq!(
        Source::parse(many.into_bytes(), &Limits::default()).unwrap().documents()[0]
            .duplicate_keys()
            .len(),
        1
    );
}

#[test]
fn keyed_paths_name_items_by_their_keys() {
    let text = "metadata:\n  annotations:\n    a.b/c: x\nspec:\n  containers:\n  - name: web\n    image: i\n    ports:\n    - containerPort: 80\n    - containerPort: 80\n      protocol: UDP\n    args: [x, y]\n    securityContext:\n      capabilities:\n        add: [NET_ADMIN, SYS_TIME, A, A]\n  - name: twin\n  - name: twin\n  volumes:\n  - name: a.b\n";
    let source = source(text);
    let root = source.root(0).unwrap();
    let cases = [
        ("/spec/containers/0/image", "spec.containers[name=web].image"),
        ("/spec/containers/0/args/1", "spec.containers[name=web].args[1]"),
        ("/spec/containers/1/name", "spec.containers[1].name"),
        ("/spec/containers/0/ports/0", "spec.containers[name=web].ports[containerPort=80]"),
        (
            "/spec/containers/0/ports/1",
            "spec.containers[name=web].ports[containerPort=80,protocol=UDP]",
        ),
        (
            "/spec/containers/0/securityContext/capabilities/add/1",
            "spec.containers[name=web].securityContext.capabilities.add[=SYS_TIME]",
        ),
        (
            "/spec/containers/0/securityContext/capabilities/add/2",
            "spec.containers[name=web].securityContext.capabilities.add[2]",
        ),
        ("/metadata/annotations/a.b~1c", "metadata.annotations.\"a.b/c\""),
        ("/spec/volumes/0/name", "spec.volumes[name=a.b].name"),
        ("", ""),
    ];
    for (pointer, keyed) in cases {
        let path = Path::from_pointer(root, pointer).unwrap();
        assert_eq!(path.to_pointer(), pointer);
        assert_eq!(path.keyed(root), keyed);
        assert_eq!(Path::resolve_keyed(root, keyed), Some(path.clone()), "{keyed}");
        assert_eq!(path.resolve(root).unwrap().span(), root.pointer(pointer).unwrap().span());
    }
    assert_eq!(Path::resolve_keyed(root, "spec.containers[name=twin]"), None);
    let twins = "spec.containers[name=web].securityContext.capabilities.add[=A]";
    assert_eq!(Path::resolve_keyed(root, twins), None);
    assert_eq!(Path::resolve_keyed(root, "spec.nothing"), None);
    assert!(Path::from_pointer(root, "/spec/containers/x").is_err());
    assert!(Path::from_pointer(root, "spec").is_err());
    let missing = Path::from_pointer(root, "/spec/containers/0/securityContext/x").unwrap();
    assert_eq!(missing.keyed(root), "spec.containers[name=web].securityContext.x");
}

#[test]
fn whole_files_that_are_no_manifests() {
    let parse = |bytes: &[u8]| Source::parse(bytes.to_vec(), &Limits::default()).unwrap_err();
    assert_eq!(parse(b"a: 1\nb: \x00"), SourceError::Binary { offset: 8, line: 2 });
    assert_eq!(parse(b"a: 1\nb: \xff"), SourceError::NotUtf8 { offset: 8, line: 2 });
    assert_eq!(parse(b"\xff\xfea\0"), SourceError::Utf16 { encoding: "UTF-16LE" });
    let small = Limits { max_bytes: 3, max_documents: 1, ..Limits::default() };
    assert!(matches!(Source::parse(b"abcd".to_vec(), &small), Err(SourceError::TooLarge { .. })));
    let documents = Source::parse(b"a".to_vec(), &small).unwrap().documents().len();
    assert_eq!(documents, 1);
    let two = Limits { max_bytes: 30, ..small };
    let error = Source::parse(b"a\n---\nb\n".to_vec(), &two).unwrap_err();
    assert_eq!(error, SourceError::TooManyDocuments { limit: 1, line: 2 });
    assert!(source("").documents().is_empty());
    assert!(source("\n# x\n---\n").documents().is_empty());
}

#[test]
fn bad_documents_say_where() {
    assert!(error("a: b: c\n").starts_with("line 1, column 5"));
    assert!(error("a:\n  - b\n c: 1\n").contains("line 3"));
    assert!(error("kind: Pod\nspec: {a: [1\n").contains("line 2"));
    assert!(error("a: .inf\n").contains("no JSON form"));
    assert!(error("? [a]\n: 1\n").contains("a key must be a scalar"));
    assert!(error("~: 1\n").contains("must not be null"));
    assert!(error("a: !!int x\n").contains("is no !!int"));
    assert!(error("a: *nope\n").contains("line 1"));
    assert!(error("a: &x [*x]\n").contains("inside the value it names"));
}

#[test]
fn bombs_are_errors() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let below = vec![format!("*a{}", level - 1); 9].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    assert!(error(&text).contains("once aliases are expanded"));
    assert!(error(&"[".repeat(100_000)).contains("deep"));
    assert!(error(&"{a: ".repeat(100_000)).contains("deep"));
    assert!(error(&"- ".repeat(100_000)).contains("deep"));
    let chain: String = (1..5_000).map(|at| format!("l{at}: &a{at} [*a{}]\n", at - 1)).collect();
    assert!(error(&format!("l0: &a0 [x]\n{chain}")).contains("deeper than"));
    let json = "[".repeat(199) + &"]".repeat(199);
    assert_eq!(source(&json).root(0).unwrap().kind(), Kind::Seq);
}

#[test]
fn ten_thousand_documents() {
    let text = "kind: Pod\nmetadata: {name: x}\n---\n".repeat(10_000);
    let source = source(&text);
    assert_eq!(source.documents().len(), 10_000);
    assert_eq!(source.root(9_999).unwrap().get("kind").unwrap().as_str(), Some("Pod"));
}
