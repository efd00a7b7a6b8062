//! Input that cannot be used: a clear error names the file and line, the other files are still
//! done, nothing is lost, and the exit code is 2.

use crate::tool::{BINARY, CLEAN, Folder, POD, Ran, pod};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

/// Runs `check`, `check --fix` and `run` on a folder that holds one bad file beside good ones. Each
/// must end with 2, name the bad file as `named`, give the reason, and still do the good ones.
fn judge(folder: &Folder, named: &str, reason: &str) {
    judge_with(folder, named, reason, &[]);
}

fn judge_with(folder: &Folder, named: &str, reason: &str, flags: &[&str]) {
    folder.write("a-good.yaml", pod("a"));
    folder.write("z-good.yaml", pod("z"));
    let before = folder.files();
    let run = |args: &[&str]| folder.run(&[args, flags].concat());
    let about = |ran: Ran| ran.ended(2).says(named).says(reason);

    for format in ["full", "concise"] {
        let ran = about(run(&["check", ".", "--output-format", format]));
        ran.says("a-good.yaml").says("z-good.yaml");
    }
    let ran = about(run(&["check", ".", "--output-format", "json"]));
    assert!(ran.json().as_array().unwrap().len() > 4, "{}", ran.out);
    about(run(&["check", ".", "--quiet"]));
    about(run(&["check", ".", "--diff", "--quiet"])).says("+++ b/a-good.yaml");
    assert!(folder.files() == before, "check changed a file");

    about(run(&["run", ".", "--out", "out"])).says("findings");
    let found = folder.records("out/detections.jsonl");
    let of = |name: &str| found.iter().filter(|d| d["manifest_path"] == name).count();
    assert!(of("a-good.yaml") > 4 && of("a-good.yaml") == of("z-good.yaml"));
    assert_eq!(found.len(), folder.records("out/outcomes.jsonl").len());
    std::fs::remove_dir_all(folder.at("out")).unwrap();
    assert!(folder.files() == before, "run changed a file");

    about(run(&["check", ".", "--fix"]));
    let after = folder.files();
    for (name, bytes) in &before {
        let good = name.ends_with("-good.yaml");
        assert_eq!(good, after[name] != *bytes, "{name}");
    }
    assert!(folder.read("z-good.yaml").matches("LOG_LEVEL").count() == 1);
    assert_eq!(after.len(), before.len(), "a file was left behind");
}

fn judge_content(content: impl AsRef<[u8]>, named: &str, reason: &str) {
    let folder = Folder::new();
    folder.write("bad.yaml", content);
    judge(&folder, named, reason);
}

#[test]
fn not_yaml() {
    judge_content("kind: Pod\nspec: [1, 2\n}:\n", "bad.yaml:2:7", "mismatched bracket");
    judge_content("kind: Pod\nspec: a: b\n", "bad.yaml:2:8", "");
}

#[test]
fn half_a_file() {
    // Cut inside a quoted value and inside a flow list.
    let text = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: \"we";
    judge_content(text, "bad.yaml:4:", "");
    judge_content("kind: Pod\nspec:\n  containers: [{name: a", "bad.yaml:3:", "bracket");
    // Half of a JSON file.
    judge_content("{\"kind\": \"Pod\", \"spec\": {\"containers\": [", "bad.yaml:1:", "bracket");
}

#[test]
fn every_half_of_a_file_ends_with_an_answer() {
    let folder = Folder::new();
    for end in 0..POD.len() {
        folder.write(&format!("{end:03}.yaml"), &POD[..end]);
    }
    let ran = folder.run(&["check", ".", "--fix"]);
    assert!(matches!(ran.code, Some(1 | 2)), "{:?} {}", ran.code, ran.err);
    assert_eq!(folder.files().len(), POD.len());
}

#[test]
fn binary() {
    judge_content(b"kind: Pod\n\x00\x01\x02\xff\xfe", "bad.yaml:2", "binary");
    judge_content([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], "bad.yaml:1", "binary");
}

#[test]
fn not_utf8() {
    judge_content(b"kind: Pod\nname: caf\xe9\n", "bad.yaml:2", "UTF-8");
}

#[test]
fn utf16() {
    let little: Vec<u8> = "\u{feff}kind: Pod\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    judge_content(little, "bad.yaml", "UTF-16");
    let big: Vec<u8> = "\u{feff}kind: Pod\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
    judge_content(big, "bad.yaml", "UTF-16");
}

#[test]
fn an_empty_file_is_no_error() {
    let folder = Folder::with(&[("empty.yaml", ""), ("comment.yaml", "# nothing\n---\n\n")]);
    folder.run(&["check", "."]).ended(0).says("No findings");
    folder.run(&["check", ".", "--fix", "--unsafe-fixes"]).ended(0);
    folder.run(&["run", ".", "--out", "out"]).ended(0);
    assert_eq!(folder.read("empty.yaml"), "");
    folder.pipe(&["check", "-"], b"").ended(0);
}

#[test]
fn too_large() {
    let folder = Folder::new();
    let file = std::fs::File::create(folder.at("bad.yaml")).unwrap();
    file.set_len(200 << 20).unwrap();
    folder.write("good.yaml", POD);
    let start = std::time::Instant::now();
    folder.run(&["check", "."]).ended(2).says("bad.yaml").says("--max-file-size").says("good.yaml");
    assert!(start.elapsed().as_secs() < 10, "a file over the limit is not to be read");
    folder.run(&["check", ".", "--fix"]).ended(2).says("--max-file-size");
    assert_eq!(std::fs::metadata(folder.at("bad.yaml")).unwrap().len(), 200 << 20);
}

#[test]
fn over_a_limit_of_the_users() {
    let folder = Folder::with(&[("bad.yaml", &POD.repeat(9))]);
    judge_with(&folder, "bad.yaml", "the limit is 1000", &["--max-file-size", "1000"]);
    let args = ["check", "-", "--max-file-size", "1000"];
    folder.pipe(&args, POD.repeat(9).as_bytes()).ended(2).says("the limit is 1000");
}

#[test]
fn ten_thousand_documents() {
    let text: String = (0..10_000)
        .map(|n| format!("---\n# {n}\n{}", CLEAN.replace("name: clean", &format!("name: c{n}"))))
        .collect();
    let folder = Folder::with(&[("many.yaml", &(text + "---\n" + POD))]);
    folder.run(&["check", "many.yaml", "--output-format", "concise"]).ended(1).says("many.yaml:9");
    folder.run(&["check", "many.yaml", "--fix"]).ended(1);
    let fixed = folder.read("many.yaml");
    assert_eq!((fixed.matches("---\n").count(), fixed.matches("LOG_LEVEL").count()), (10_001, 1));
}

#[test]
fn one_broken_document_among_good_ones() {
    let folder = Folder::new();
    folder.write("bad.yaml", format!("{POD}---\na: [\n---\n{}", pod("other")));
    let ran = folder.run(&["check", ".", "--output-format", "concise"]).ended(2);
    let error = "bad.yaml:19:1: error";
    assert!(ran.out.contains("bad.yaml:18:4: error") || ran.out.contains(error), "{}", ran.out);
    ran.says("bad.yaml:16:").says("bad.yaml:35:");
    // The documents around it are fixed, and it stays as it is.
    folder.run(&["check", ".", "--fix"]).ended(2);
    let fixed = folder.read("bad.yaml");
    assert!(fixed.contains("---\na: [\n---\n"), "{fixed}");
    assert_eq!(fixed.matches("LOG_LEVEL").count(), 2, "{fixed}");
}

#[test]
fn alias_bomb() {
    let mut text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, last) in "bcdefghij".chars().zip("abcdefghi".chars()) {
        let items = vec![format!("*{last}"); 10].join(", ");
        text += &format!("{name}: &{name} [{items}]\n");
    }
    judge_content(text, "bad.yaml:", "aliases");
}

#[test]
fn depth_bomb() {
    judge_content("a: ".to_owned() + &"[".repeat(100_000), "bad.yaml:1:", "deep");
    judge_content("[".repeat(5_000) + &"]".repeat(5_000), "bad.yaml:1:", "deep");
    let blocks: String = (0..2_000).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    judge_content(blocks, "bad.yaml:", "deep");
    judge_content("{\"a\":".repeat(5_000), "bad.yaml:1:", "deep");
}

#[test]
fn duplicate_keys_are_reported_and_the_last_one_counts() {
    let text = POD.replace("privileged: true", "privileged: true\n      privileged: false");
    let folder = Folder::with(&[("twice.yaml", &text)]);
    let warning = "warning: twice.yaml:17:7: key `privileged`";
    let ran = folder.run(&["check", ".", "--output-format", "json"]).ended(1).says(warning);
    assert!(!ran.out.contains("privileged-container") && !ran.out.contains("warning"));
    folder.run(&["run", ".", "--out", "out"]).ended(1).says(warning);
    folder.run(&["detect", "--in", ".", "--out", "d.json"]).ended(1).says(warning);
    folder.run(&["check", ".", "--quiet"]).ended(1).hides("warning: ");
}

#[test]
fn unreadable() {
    let folder = Folder::with(&[("closed.yaml", POD), ("open.yaml", POD)]);
    let closed = folder.at("closed.yaml");
    std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o000)).unwrap();
    if std::fs::read(&closed).is_ok() {
        return unreadable_for_nobody(&folder);
    }
    folder.run(&["check", "."]).ended(2).says("closed.yaml").says("permission denied");
    folder.run(&["check", ".", "--fix"]).ended(2).says("open.yaml");
}

/// The superuser reads everything, so somebody else tries.
fn unreadable_for_nobody(folder: &Folder) {
    let open_to_all = |name: &str, mode: u32| {
        std::fs::set_permissions(folder.at(name), PermissionsExt::from_mode(mode)).unwrap();
    };
    std::fs::copy(BINARY, folder.at("tool")).unwrap();
    for (name, mode) in [("tool", 0o755), ("open.yaml", 0o666), (".", 0o777)] {
        open_to_all(name, mode);
    }
    let mut nobody = Command::new("setpriv");
    nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups", "./tool", "check", "."]);
    let ran = nobody.current_dir(folder.at(".")).output().unwrap();
    let said = [ran.stdout, ran.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert_eq!(ran.status.code(), Some(2), "{said}");
    assert!(said.contains("closed.yaml") && said.contains("permission denied"), "{said}");
    assert!(said.contains("open.yaml"), "{said}");
}

#[test]
fn a_name_without_a_file() {
    let folder = Folder::with(&[("good.yaml", POD)]);
    let missing = folder.run(&["check", "missing.yaml", "good.yaml"]).ended(2);
    missing.says("missing.yaml").says("no such file").says("good.yaml:");
    folder.run(&["check", "--fix", "no/such/folder", "good.yaml"]).ended(2).says("no/such/folder");
    assert_ne!(folder.read("good.yaml"), POD);
    folder.run(&["run", "missing.yaml", "--out", "out"]).ended(2).says("no such file");
}

#[test]
fn a_broken_link() {
    let folder = Folder::new();
    symlink("nowhere.yaml", folder.at("bad.yaml")).unwrap();
    judge(&folder, "bad.yaml", "link");
    folder.run(&["check", "bad.yaml"]).ended(2).says("broken link");
}

#[test]
fn a_folder_named_like_a_file_is_a_folder() {
    let folder = Folder::with(&[("dir.yaml/pod.yaml", POD)]);
    folder.run(&["check", "dir.yaml", "--fix"]).ended(1).says("dir.yaml/pod.yaml");
    folder.run(&["check", "."]).ended(1).says("dir.yaml/pod.yaml");
}

#[test]
fn a_pipe_by_name_does_not_block() {
    let folder = Folder::with(&[("good.yaml", POD)]);
    assert!(Command::new("mkfifo").arg(folder.at("pipe.yaml")).status().unwrap().success());
    let ran = folder.run(&["check", "pipe.yaml", "good.yaml"]).ended(2);
    ran.says("pipe.yaml").says("neither a file nor a folder").says("good.yaml:");
    // In a folder it is nothing to read.
    folder.run(&["check", "."]).ended(1).says("good.yaml:");
}

#[test]
fn a_loop_of_folders() {
    let folder = Folder::with(&[("sub/good.yaml", POD)]);
    symlink("..", folder.at("sub/up")).unwrap();
    symlink("loop", folder.at("loop")).unwrap();
    let ran = folder.run(&["check", ".", "--output-format", "json"]).ended(1);
    let paths: Vec<_> =
        ran.json().as_array().unwrap().iter().map(|d| d["manifest_path"].clone()).collect();
    assert!(paths.iter().all(|path| path == "sub/good.yaml"), "{paths:?}");
    symlink("self.yaml", folder.at("self.yaml")).unwrap();
    folder.run(&["check", "."]).ended(2).says("self.yaml").says("sub/good.yaml");
}

#[test]
fn a_link_out_of_the_folder_is_not_read() {
    let outside = Folder::with(&[("secret.yaml", &pod("outside"))]);
    let folder = Folder::new();
    symlink(outside.at("secret.yaml"), folder.at("bad.yaml")).unwrap();
    judge(&folder, "bad.yaml", "leads out");
    assert_eq!(outside.read("secret.yaml"), pod("outside"));
    // A linked folder is not entered.
    let folder = Folder::with(&[("good.yaml", POD)]);
    symlink(outside.path(), folder.at("linked")).unwrap();
    folder.run(&["check", "."]).ended(1).hides("linked/secret.yaml");
}

#[test]
fn a_path_in_a_record_must_not_leave_the_folder() {
    let outer = Folder::with(&[("secret.yaml", POD), ("inner/records/x", "")]);
    let detection = serde_json::json!([{
        "id": "001", "manifest_path": "../../secret.yaml", "manifest_yaml": null,
        "policy_id": "privileged-container", "violation_text": "x",
    }]);
    outer.write("inner/records/detections.json", detection.to_string());
    outer.write("inner/here/x", "");
    let script = "cd inner/here && $TOOL propose --detections ../records/detections.json";
    let ran = outer.shell(script).ended(1).says("secret.yaml");
    assert_eq!(ran.json().as_array().unwrap().len(), 0);
    // By way of a link neither.
    symlink("../../secret.yaml", outer.at("inner/records/link.yaml")).unwrap();
    let text = outer.read("inner/records/detections.json");
    outer.write("inner/records/detections.json", text.replace("../../secret", "link"));
    assert_eq!(outer.shell(script).ended(1).json().as_array().unwrap().len(), 0);
    // What stays below the records is read.
    outer.write("inner/records/below.yaml", POD);
    outer.write("inner/records/detections.json", text.replace("../../secret", "below"));
    assert_eq!(outer.shell(script).ended(0).json().as_array().unwrap().len(), 1);
}

#[test]
fn a_path_with_dots_that_the_user_names_is_read() {
    let folder = Folder::with(&[("a/good.yaml", POD), ("b/x", "")]);
    let ran = folder.shell("cd b && $TOOL check ../a/good.yaml --output-format concise").ended(1);
    assert!(!ran.out.contains(".."), "{}", ran.out);
}

#[test]
fn read_only_files_are_refused() {
    let folder = Folder::with(&[("locked.yaml", POD), ("open.yaml", &pod("open"))]);
    let locked = folder.at("locked.yaml");
    std::fs::set_permissions(&locked, PermissionsExt::from_mode(0o444)).unwrap();
    let ran = folder.run(&["check", ".", "--fix", "--output-format", "concise"]).ended(2);
    let ran = ran.says("locked.yaml is read-only").says("1 could not be written");
    assert_eq!(folder.read("locked.yaml"), POD);
    assert_ne!(folder.read("open.yaml"), pod("open"));
    // The report tells of the file as it is.
    assert!(ran.out.contains("locked.yaml:13:13: medium[duplicate-env-var]"), "{}", ran.out);
    assert!(!ran.out.contains("open.yaml:13:13: medium[duplicate-env-var]"), "{}", ran.out);
    let mode = std::fs::metadata(&locked).unwrap().permissions().mode();
    assert_eq!((mode & 0o777, folder.files().len()), (0o444, 2));
}

/// Every write to a file fails, as on a full disk.
const FULL: &str = "trap '' XFSZ; ulimit -f 0; ";

#[test]
fn a_full_disk_leaves_the_old_bytes() {
    let folder = Folder::with(&[("a.yaml", POD), ("b.yaml", &pod("b"))]);
    let before = folder.files();
    let ran = folder.shell(&format!("{FULL} $TOOL check . --fix")).ended(2);
    let ran = ran.says("cannot write a.yaml; it is unchanged").says("cannot write b.yaml");
    assert!(ran.says("2 could not be written").out.contains("duplicate-env-var"));
    assert!(folder.files() == before, "{:?}", folder.files().keys());
}

#[test]
fn a_full_disk_ends_a_run_with_an_error() {
    let folder = Folder::with(&[("a.yaml", POD)]);
    let ran = folder.shell(&format!("{FULL} $TOOL run . --out out")).ended(2);
    ran.says("out");
    let left = crate::tool::files(&folder.at("out"));
    assert!(left.keys().all(|name| name.starts_with("queue.db")), "{:?}", left.keys());
    let detect = folder.shell(&format!("{FULL} $TOOL detect --in a.yaml --out d.json")).ended(2);
    detect.says("cannot write d.json");
    assert!(!folder.at("d.json").exists());
}

#[test]
fn a_full_device_is_an_error() {
    let folder = Folder::with(&[("a.yaml", POD)]);
    for command in [
        "check . ",
        "check . --output-format json",
        "check . --diff",
        "check . --output-format sarif",
        "rules",
        "rules --output-format json",
        "explain host-network",
        "detect --in .",
        "completions bash",
        "doctor",
    ] {
        folder.shell(&format!("$TOOL {command} > /dev/full")).ended(2).says("No space left");
    }
    folder.run(&["detect", "--in", ".", "--out", "/dev/full"]).ended(2).says("No space left");
}

#[test]
fn a_device_as_output_stays_a_device() {
    let folder = Folder::with(&[("a.yaml", POD)]);
    folder.run(&["detect", "--in", ".", "--out", "/dev/null"]).ended(1);
    let null = std::fs::metadata("/dev/null").unwrap();
    assert!(std::os::unix::fs::FileTypeExt::is_char_device(&null.file_type()));
    folder.shell("$TOOL detect --in . --out /dev/stdout | grep -q duplicate_env_var").ended(0);
    // A link as output keeps its name.
    symlink("real.json", folder.at("link.json")).unwrap();
    folder.write("real.json", "");
    folder.run(&["detect", "--in", ".", "--out", "link.json"]).ended(1);
    assert!(folder.at("link.json").is_symlink() && !folder.read("real.json").is_empty());
}

#[test]
fn a_file_named_twice_is_done_once() {
    let folder = Folder::with(&[("a.yaml", POD)]);
    symlink("a.yaml", folder.at("b.yaml")).unwrap();
    let once = folder.run(&["check", "a.yaml", "--output-format", "concise"]).ended(1).out;
    for paths in [&["a.yaml", "./a.yaml"][..], &["a.yaml", "b.yaml"], &[".", "a.yaml"], &["."]] {
        let args = [&["check", "--output-format", "concise"], paths].concat();
        assert_eq!(folder.run(&args).ended(1).out, once, "{paths:?}");
    }
}

#[test]
fn records_that_are_none() {
    let folder = Folder::with(&[
        ("text.json", "no json"),
        ("half.json", "[{\"id\": \"001\", "),
        ("other.json", "[{\"name\": 1}]"),
        ("half.jsonl", "{\"id\": \"1\", \"policy_id\": \"a\", \"violation_text\": \"b\"}\n{\"id\""),
        ("good.json", "[]"),
    ]);
    for bad in ["text.json", "half.json", "other.json", "half.jsonl", "missing.json"] {
        folder.run(&["propose", "--detections", bad]).ended(2).says(bad);
        folder.run(&["risk", "--detections", bad]).ended(2).says(bad);
        let verify = ["verify", "--detections", "good.json", "--patches", bad];
        folder.run(&verify).ended(2).says(bad);
    }
}
