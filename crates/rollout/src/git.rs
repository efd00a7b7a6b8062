//! A git repository, by way of the git that is installed.

use crate::Error;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Variables that would lead git elsewhere than where we say.
const MISLEADING: [&str; 7] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
];

/// What the names of scratch folders begin with.
const SCRATCH: [&str; 2] = ["texts-", "index-"];
/// How long the lock of a branch of ours may be there before it counts as left behind.
const STALE: std::time::Duration = std::time::Duration::from_secs(1);

/// A repository with a working tree.
#[derive(Debug, Clone)]
pub struct Repository {
    root: PathBuf,
    /// The folder that all working trees of the repository share.
    common: PathBuf,
}

/// A file as a commit has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracked {
    /// `100644`, `100755`, `120000` (a link) or `160000` (another repository).
    pub mode: String,
    /// Id of its content.
    pub blob: String,
}

/// A branch and what its last commit says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Id of the last commit.
    pub tip: String,
    /// Id of all its files together.
    pub tree: String,
    /// When that was committed, Unix seconds.
    pub committed: i64,
    /// Its message.
    pub message: String,
    /// Whether it is one of this repository, and not only of a remote.
    pub is_local: bool,
}

/// Held while the repository is written; the system gives it back when the process ends.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "the open file is the lock")] std::fs::File);

impl Repository {
    /// The repository that a path is in.
    ///
    /// # Errors
    /// When there is no git, no repository, or one without a working tree.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let none = |reason: String| Error::NoRepository { path: path.to_owned(), reason };
        let ask = |what: &str| {
            let args = ["rev-parse", "--path-format=absolute", what];
            let output = command(path, &args).output().map_err(Error::NoGit)?;
            match output.status.success() {
                true => Ok(PathBuf::from(first_line(&output.stdout))),
                false => Err(none(first_line(&output.stderr))),
            }
        };
        Ok(Self { root: ask("--show-toplevel")?, common: ask("--git-common-dir")? })
    }

    /// Root of the working tree, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A folder of ours beside git's own files; nothing in it is ever committed or pushed.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder(&self) -> Result<PathBuf, Error> {
        let folder = self.common.join("k8s-auto-fix");
        std::fs::create_dir_all(&folder)
            .map_err(|source| Error::File { path: folder.clone(), source })?;
        Ok(folder)
    }

    /// Keeps other processes of ours from writing for as long as the lock lives.
    ///
    /// # Errors
    /// When another one writes.
    pub fn lock(&self) -> Result<Lock, Error> {
        let path = self.folder()?.join("lock");
        let opened = std::fs::OpenOptions::new().create(true).append(true).open(&path);
        let file = opened.map_err(|source| Error::File { path: path.clone(), source })?;
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                self.clean()?;
                Ok(Lock(file))
            }
            Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::Locked),
            Err(errno) => Err(Error::File { path, source: errno.into() }),
        }
    }

    /// Removes what a process of ours left behind that was killed.
    fn clean(&self) -> Result<(), Error> {
        let folder = self.folder()?;
        let failed = |source| Error::File { path: folder.clone(), source };
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            if SCRATCH.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
                std::fs::remove_dir_all(entry.path()).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Removes the lock of a branch that a killed git left behind. Only we write these branches, and
    /// only one of us at a time; who else has a lock of one holds it for milliseconds.
    fn unlock(&self, branch: &str) -> Result<(), Error> {
        let path = self.common.join("refs/heads").join(format!("{branch}.lock"));
        let begin = std::time::Instant::now();
        while path.exists() {
            if begin.elapsed() > STALE {
                return std::fs::remove_file(&path).map_err(|source| Error::File { path, source });
            }
            std::thread::sleep(STALE / 20);
        }
        Ok(())
    }

    /// Id of the commit that a name stands for.
    ///
    /// # Errors
    /// When there is none.
    pub fn commit(&self, name: &str) -> Result<String, Error> {
        let name = format!("{name}^{{commit}}");
        self.text(&["rev-parse", "--verify", "--quiet", "--end-of-options", &name]).map_err(|_| {
            let reason = format!("there is no commit `{name}`; commit the manifests first");
            Error::Git { command: "rev-parse".to_owned(), reason }
        })
    }

    /// Id of the commit before another; of a first commit there is none.
    ///
    /// # Errors
    /// When git cannot be run.
    pub fn parent(&self, commit: &str) -> Result<Option<String>, Error> {
        let name = format!("{commit}^");
        Ok(self.text(&["rev-parse", "--verify", "--quiet", "--end-of-options", &name]).ok())
    }

    /// The tracked files that differ from the commit that is checked out.
    ///
    /// # Errors
    /// When git fails.
    pub fn changed(&self) -> Result<Vec<String>, Error> {
        let bytes = self.bytes(&["status", "--porcelain=v1", "-z", "--untracked-files=no"])?;
        let text = String::from_utf8_lossy(&bytes);
        let mut entries = text.split('\0').filter(|entry| !entry.is_empty());
        let mut changed = Vec::new();
        while let Some(entry) = entries.next() {
            // The other name of what was renamed or copied follows by itself.
            if entry.starts_with(['R', 'C']) {
                entries.next();
            }
            changed.push(entry.get(3..).unwrap_or(entry).to_owned());
        }
        Ok(changed)
    }

    /// The files of a commit, by their path from the root.
    ///
    /// # Errors
    /// When git fails.
    pub fn files(&self, commit: &str) -> Result<HashMap<String, Tracked>, Error> {
        let bytes = self.bytes(&["ls-tree", "-r", "-z", "--full-tree", commit])?;
        let text = String::from_utf8_lossy(&bytes);
        let entry = |entry: &str| {
            let (head, path) = entry.split_once('\t')?;
            let mut parts = head.split(' ');
            let (mode, _, blob) = (parts.next()?, parts.next()?, parts.next()?);
            let tracked = Tracked { mode: mode.to_owned(), blob: blob.to_owned() };
            Some((path.to_owned(), tracked))
        };
        Ok(text.split('\0').filter_map(entry).collect())
    }

    /// The branches whose names begin with a prefix, by name.
    ///
    /// # Errors
    /// When git fails.
    pub fn branches(&self, prefix: &str) -> Result<BTreeMap<String, Branch>, Error> {
        self.tips("refs/heads", prefix)
    }

    /// The same of a remote, as they were when it was last asked.
    ///
    /// # Errors
    /// When git fails.
    pub fn remote_branches(
        &self,
        remote: &str,
        prefix: &str,
    ) -> Result<BTreeMap<String, Branch>, Error> {
        self.tips(&format!("refs/remotes/{remote}"), prefix)
    }

    /// Asks a remote for its branches with this prefix; those that it has no more are forgotten.
    ///
    /// # Errors
    /// When git fails, such as for a remote that has no name.
    pub fn fetch(&self, remote: &str, prefix: &str) -> Result<(), Error> {
        let refs = format!("+refs/heads/{prefix}*:refs/remotes/{remote}/{prefix}*");
        self.bytes(&["fetch", "--quiet", "--no-tags", "--prune", "--", remote, &refs]).map(drop)
    }

    /// The address of a remote.
    ///
    /// # Errors
    /// When it has none.
    pub fn url(&self, remote: &str) -> Result<String, Error> {
        self.text(&["remote", "get-url", "--", remote])
    }

    /// The branch that is checked out, if one is.
    ///
    /// # Errors
    /// When git cannot be run.
    pub fn head(&self) -> Result<Option<String>, Error> {
        let args = ["symbolic-ref", "--quiet", "--short", "HEAD"];
        let output = command(&self.root, &args).output().map_err(Error::NoGit)?;
        Ok(output.status.success().then(|| first_line(&output.stdout)))
    }

    fn tips(&self, namespace: &str, prefix: &str) -> Result<BTreeMap<String, Branch>, Error> {
        // No message holds a zero byte, so what follows one ends the entry.
        let format = "--format=%(refname)%00%(objectname)%00%(tree)%00\
                      %(committerdate:unix)%00%(contents)%00%01";
        let text = self.bytes(&["for-each-ref", format, namespace])?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let is_local = namespace == "refs/heads";
        let branch = |entry: &str| {
            let mut parts = entry.trim_start_matches('\n').splitn(5, '\0');
            let name = parts.next()?.strip_prefix(namespace)?.strip_prefix('/')?.to_owned();
            let (tip, tree) = (parts.next()?.to_owned(), parts.next()?.to_owned());
            let committed = parts.next()?.parse().ok()?;
            let message = parts.next()?.to_owned();
            Some((name, Branch { tip, tree, committed, message, is_local }))
        };
        let all = text.split("\0\u{1}").filter_map(branch);
        Ok(all.filter(|(name, _)| name.starts_with(prefix)).collect())
    }

    /// Whether a commit is part of the history of another.
    ///
    /// # Errors
    /// When git cannot be run.
    pub fn contains(&self, history: &str, commit: &str) -> Result<bool, Error> {
        let args = ["merge-base", "--is-ancestor", commit, history];
        let output = command(&self.root, &args).output().map_err(Error::NoGit)?;
        Ok(output.status.success())
    }

    /// Stored contents, by their ids, as git would check them out at their paths; those that are not
    /// there any more are left out.
    ///
    /// # Errors
    /// When git fails.
    pub fn checked_out(
        &self,
        wanted: &[(&str, &str)],
    ) -> Result<HashMap<(String, String), Vec<u8>>, Error> {
        let paths: BTreeSet<String> = wanted.iter().map(|(path, _)| (*path).to_owned()).collect();
        let filtered: HashSet<String> = self.filtered(paths.iter())?.into_iter().collect();
        let (converted, plain): (Vec<_>, Vec<_>) =
            wanted.iter().partition(|(path, _)| filtered.contains(*path));
        let mut contents = HashMap::new();
        for (path, blob) in converted {
            let place = format!("--path={path}");
            let args = ["cat-file", "--filters", &place, blob];
            let output = command(&self.root, &args).output().map_err(Error::NoGit)?;
            if output.status.success() {
                contents.insert(((*path).to_owned(), (*blob).to_owned()), output.stdout);
            }
        }
        let listed: String = plain.iter().map(|(_, blob)| format!("{blob}\n")).collect();
        let answer = self.given(&["cat-file", "--batch"], listed.as_bytes())?;
        let mut rest = &answer[..];
        for (path, blob) in plain {
            let (content, tail) = object(rest);
            rest = tail;
            if let Some(content) = content {
                contents.insert(((*path).to_owned(), (*blob).to_owned()), content.to_vec());
            }
        }
        Ok(contents)
    }

    /// Stores texts as git would store the files at these paths, and returns their ids.
    ///
    /// Where the repository converts files on their way in, such as line ends, so does this.
    ///
    /// # Errors
    /// When git fails.
    pub fn store(
        &self,
        files: &BTreeMap<String, &[u8]>,
    ) -> Result<BTreeMap<String, String>, Error> {
        let folder = self.folder()?;
        let scratch = tempfile::Builder::new().prefix(SCRATCH[0]).tempdir_in(&folder);
        let scratch = scratch.map_err(|source| Error::File { path: folder, source })?;
        let mut ids = BTreeMap::new();
        let filtered = self.filtered(files.keys())?;
        let mut plain = Vec::new();
        for (number, (path, text)) in files.iter().enumerate() {
            if filtered.contains(path) {
                let id = self.given(&["hash-object", "-w", "--stdin", "--path", path], text)?;
                ids.insert(path.clone(), first_line(&id));
                continue;
            }
            let place = scratch.path().join(number.to_string());
            std::fs::write(&place, text)
                .map_err(|source| Error::File { path: place.clone(), source })?;
            plain.push((path, place));
        }
        let listed: String =
            plain.iter().map(|(_, place)| format!("{}\n", place.display())).collect();
        let stored =
            self.given(&["hash-object", "-w", "--no-filters", "--stdin-paths"], listed.as_bytes())?;
        let stored = String::from_utf8_lossy(&stored).into_owned();
        ids.extend(
            plain
                .iter()
                .zip(stored.lines())
                .map(|((path, _), id)| ((*path).clone(), id.to_owned())),
        );
        Ok(ids)
    }

    /// The paths whose files git converts on their way in.
    fn filtered<'a>(&self, paths: impl Iterator<Item = &'a String>) -> Result<Vec<String>, Error> {
        let auto = self.text(&["config", "--get", "core.autocrlf"]).unwrap_or_default();
        let paths: Vec<&String> = paths.collect();
        if matches!(auto.as_str(), "true" | "input") {
            return Ok(paths.into_iter().cloned().collect());
        }
        let listed: String = paths.iter().map(|path| format!("{path}\0")).collect();
        let asked = [
            "check-attr",
            "-z",
            "--stdin",
            "text",
            "eol",
            "ident",
            "filter",
            "working-tree-encoding",
        ];
        let answer = self.given(&asked, listed.as_bytes())?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let mut fields = answer.split('\0');
        let mut filtered = Vec::new();
        while let (Some(path), Some(_), Some(value)) = (fields.next(), fields.next(), fields.next())
        {
            let converts = !matches!(value, "unspecified" | "unset");
            if converts && filtered.last().is_none_or(|last| last != path) {
                filtered.push(path.to_owned());
            }
        }
        Ok(filtered)
    }

    /// Stores the files of a commit with some of them replaced, and returns the id of all together.
    ///
    /// # Errors
    /// When git fails.
    pub fn tree(&self, commit: &str, files: &BTreeMap<String, Tracked>) -> Result<String, Error> {
        let folder = self.folder()?;
        let scratch = tempfile::Builder::new().prefix(SCRATCH[1]).tempdir_in(&folder);
        let scratch = scratch.map_err(|source| Error::File { path: folder, source })?;
        let index = scratch.path().join("index");
        let with_index = |args: &[&str], input: &[u8]| {
            let mut command = command(&self.root, args);
            command.env("GIT_INDEX_FILE", &index);
            feed(command, args, input)
        };
        with_index(&["read-tree", commit], &[])?;
        let line =
            |(path, file): (&String, &Tracked)| format!("{} {}\t{path}\0", file.mode, file.blob);
        let lines: String = files.iter().map(line).collect();
        with_index(&["update-index", "-z", "--index-info"], lines.as_bytes())?;
        Ok(first_line(&with_index(&["write-tree"], &[])?))
    }

    /// Makes a commit, signed where the configuration wants it, and returns its id. No branch moves.
    ///
    /// # Errors
    /// When git fails, for instance because it does not know who commits.
    pub fn make_commit(&self, tree: &str, parent: &str, message: &str) -> Result<String, Error> {
        let mut args = vec!["commit-tree", tree, "-p", parent, "-F", "-"];
        let signs = self.text(&["config", "--type=bool", "--get", "commit.gpgSign"]);
        if signs.is_ok_and(|value| value == "true") {
            args.push("-S");
        }
        Ok(first_line(&self.given(&args, message.as_bytes())?))
    }

    /// Moves branches in one transaction: when one cannot move, none does. Git writes them one after
    /// the other, so a kill at that moment leaves some of them moved. Each is a name, the new commit,
    /// and the commit that it must still be at (`None`: it must not be there).
    ///
    /// # Errors
    /// When one is elsewhere by now, or git fails. None has moved then.
    pub fn move_branches(&self, moves: &[(String, String, Option<String>)]) -> Result<(), Error> {
        if moves.is_empty() {
            return Ok(());
        }
        let mut lines = String::from("start\n");
        for (name, new, old) in moves {
            self.unlock(name)?;
            lines += &match old {
                Some(old) => format!("update refs/heads/{name} {new} {old}\n"),
                None => format!("create refs/heads/{name} {new}\n"),
            };
        }
        lines += "prepare\ncommit\n";
        self.given(&["update-ref", "--stdin"], lines.as_bytes()).map(drop)
    }

    /// Pushes branches to a remote, where each replaces only what was seen there: `seen` names the
    /// commits of those that it had.
    ///
    /// # Errors
    /// When git fails.
    pub fn push(
        &self,
        remote: &str,
        branches: &[String],
        seen: &BTreeMap<String, Branch>,
    ) -> Result<(), Error> {
        if branches.is_empty() {
            return Ok(());
        }
        let refs = branches.iter().map(|name| format!("+refs/heads/{name}:refs/heads/{name}"));
        // An empty commit is one that must not be there.
        let lease = |name: &String| {
            let tip = seen.get(name).map_or("", |branch| branch.tip.as_str());
            format!("--force-with-lease=refs/heads/{name}:{tip}")
        };
        let leases = branches.iter().map(lease);
        let args: Vec<String> = ["push".to_owned(), "--porcelain".to_owned()]
            .into_iter()
            .chain(leases)
            .chain(["--".to_owned(), remote.to_owned()])
            .chain(refs)
            .collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        self.bytes(&args).map(drop)
    }

    fn text(&self, args: &[&str]) -> Result<String, Error> {
        Ok(first_line(&self.bytes(args)?))
    }

    fn bytes(&self, args: &[&str]) -> Result<Vec<u8>, Error> {
        said(args, command(&self.root, args).output().map_err(Error::NoGit)?)
    }

    fn given(&self, args: &[&str], input: &[u8]) -> Result<Vec<u8>, Error> {
        feed(command(&self.root, args), args, input)
    }
}

/// Brings two changes of one text together: `current`, which somebody made of `base`, and
/// `wanted`. `None` when they touch the same or adjacent lines.
///
/// # Errors
/// When there is no git, or no room for the texts.
pub fn merge(current: &[u8], base: &[u8], wanted: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    let scratch =
        tempfile::tempdir().map_err(|source| Error::File { path: std::env::temp_dir(), source })?;
    let place = |name: &str, text: &[u8]| {
        let path = scratch.path().join(name);
        std::fs::write(&path, text).map_err(|source| Error::File { path: path.clone(), source })?;
        Ok(path)
    };
    let (current, base) = (place("current", current)?, place("base", base)?);
    let wanted = place("wanted", wanted)?;
    let mut command = command(scratch.path(), &["merge-file", "-p", "-q"]);
    let output = command.args([&current, &base, &wanted]).output().map_err(Error::NoGit)?;
    Ok(output.status.success().then_some(output.stdout))
}

fn command(folder: &Path, args: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(args);
    command.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0").env("GIT_OPTIONAL_LOCKS", "0");
    MISLEADING.iter().for_each(|name| {
        command.env_remove(name);
    });
    command.stdin(Stdio::null());
    command
}

fn feed(mut command: Command, args: &[&str], input: &[u8]) -> Result<Vec<u8>, Error> {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.map_err(Error::NoGit)?;
    let stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        // Beside the reading: git may answer before it has read everything.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input)));
        child.wait_with_output()
    });
    said(args, output.map_err(Error::NoGit)?)
}

fn said(args: &[&str], output: Output) -> Result<Vec<u8>, Error> {
    if output.status.success() {
        return Ok(output.stdout);
    }
    let reason = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    Err(Error::Git { command: args.first().copied().unwrap_or_default().to_owned(), reason })
}

/// The first content of an answer of `git cat-file --batch`, when it is there, and what follows.
fn object(answer: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let Some(end) = answer.iter().position(|byte| *byte == b'\n') else { return (None, &[]) };
    let (head, rest) = (String::from_utf8_lossy(&answer[..end]), &answer[end + 1..]);
    let size =
        head.strip_suffix(" missing").is_none().then(|| head.rsplit(' ').next()?.parse().ok());
    match size.flatten().filter(|size: &usize| *size < rest.len()) {
        Some(size) => (Some(&rest[..size]), &rest[size + 1..]),
        None => (None, rest),
    }
}

fn first_line(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().to_owned()
}
