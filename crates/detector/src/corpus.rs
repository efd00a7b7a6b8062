use crate::Found;
use crate::fingerprint::Identity;
use crate::linted::Linted;
use manifest::{Limits, Node, Source, SourceError};
use policies::kube_linter::Linter;
use rules::{Finding, Object, Rule, Set, Settings, objects};
use std::collections::HashMap;
use std::ops::Range;
use std::str::FromStr;

/// One file, or stdin, read into memory.
#[derive(Debug)]
pub struct Input {
    /// How outputs name it: a POSIX path, or `-` for stdin.
    pub path: String,
    /// What identifies the file in fingerprints: its path relative to the working directory, or
    /// to the folder that was asked for.
    pub identity: String,
    /// Its documents, or why it has none.
    pub source: Result<Source, SourceError>,
}

impl Input {
    /// Parses the bytes of a file.
    pub fn parse(path: String, identity: String, bytes: Vec<u8>, limits: &Limits) -> Self {
        Self { path, identity, source: Source::parse(bytes, limits) }
    }
}

/// Which objects see each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectContext {
    /// All inputs are one set.
    All,
    /// Every folder is a set of its own.
    Directory,
}

impl FromStr for ObjectContext {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "all" => Ok(Self::All),
            "directory" => Ok(Self::Directory),
            _ => Err(format!("unknown context `{name}`: expected all or directory")),
        }
    }
}

/// The objects of all inputs.
#[derive(Debug)]
pub struct Corpus<'a> {
    inputs: &'a [Input],
    set: Set<'a>,
    /// Of each object of the set, the input that holds it.
    files: Vec<usize>,
    /// Of each object, how many objects of the same identity precede it in its file.
    ordinals: Vec<usize>,
    /// kube-linter's checks, when they run.
    linted: Option<Linted<'a>>,
}

impl<'a> Corpus<'a> {
    /// Collects the objects of every document that parses.
    pub fn new(inputs: &'a [Input], context: ObjectContext) -> Self {
        let mut all = Vec::new();
        let mut files = Vec::new();
        let mut ordinals = Vec::new();
        let mut folders: HashMap<&str, usize> = HashMap::new();
        for (file, input) in inputs.iter().enumerate() {
            let Ok(source) = &input.source else { continue };
            let folder = input.path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let next = folders.len();
            let context = match context {
                ObjectContext::All => 0,
                ObjectContext::Directory => *folders.entry(folder).or_insert(next),
            };
            let mut seen: HashMap<(&str, &str, &str, &str), usize> = HashMap::new();
            for document in source.documents() {
                let Some(root) = source.root(document.index()) else { continue };
                for object in objects(root, context, document.index()) {
                    let namespace = object.namespace.unwrap_or("");
                    let identity = (object.group(), object.kind, namespace, object.name);
                    let count = seen.entry(identity).or_default();
                    ordinals.push(*count);
                    *count += 1;
                    files.push(file);
                    all.push(object);
                }
            }
        }
        Self { inputs, set: Set::new(all), files, ordinals, linted: None }
    }

    /// Lets kube-linter's checks run beside the selected rules.
    #[must_use]
    pub fn linted_by(mut self, linter: Option<&'a Linter>) -> Self {
        self.linted = linter.map(|linter| Linted::new(linter, &self));
        self
    }

    /// Whether kube-linter's checks run.
    pub(crate) fn is_linted(&self) -> bool {
        self.linted.is_some()
    }

    /// The document that holds the object at a position.
    pub(crate) fn document(&self, position: usize) -> Option<Node<'a>> {
        let source = self.input_of(position).source.as_ref().ok()?;
        source.root(self.object(position).document)
    }

    /// The number of objects.
    pub fn len(&self) -> usize {
        self.set.len()
    }

    /// Whether there is no object.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// The set, for rules that look at other objects.
    pub fn set(&self) -> &Set<'a> {
        &self.set
    }

    /// The object at a position.
    pub fn object(&self, position: usize) -> &Object<'a> {
        self.set.object(position)
    }

    /// The input that holds an object, by its index.
    pub fn file_of(&self, position: usize) -> usize {
        self.files[position]
    }

    /// The input that holds an object.
    pub fn input_of(&self, position: usize) -> &'a Input {
        &self.inputs[self.files[position]]
    }

    /// All inputs, also those that hold no object.
    pub fn inputs(&self) -> &'a [Input] {
        self.inputs
    }

    /// The objects of an input. They stand together, in the order of the inputs.
    pub fn positions_of(&self, file: usize) -> Range<usize> {
        let first_of = |file: usize| self.files.partition_point(|at| *at < file);
        first_of(file)..first_of(file + 1)
    }

    /// Gives findings in one object, which no check of ours reported, their identity.
    pub fn identify(&self, position: usize, findings: Vec<Finding>) -> Vec<Found> {
        self.identity(position).identify(self.object(position), findings)
    }

    /// Runs rules on one object. Findings come in the order of the rules, then of the text.
    pub fn check(
        &self,
        position: usize,
        rules: &[&'static Rule],
        settings: &Settings,
    ) -> Vec<Found> {
        let object = self.object(position);
        self.check_as(position, object, &self.set, rules, settings)
    }

    /// Runs rules on an edited form of the object at a position, within an edited set. Findings
    /// that it shares with the object as it was read have the same fingerprints.
    pub fn check_as(
        &self,
        position: usize,
        object: &Object<'_>,
        set: &Set<'_>,
        rules: &[&'static Rule],
        settings: &Settings,
    ) -> Vec<Found> {
        let mut findings = rules::check_object(object, set, rules, settings);
        if let Some(linted) = &self.linted {
            findings.extend(linted.check(object, self.document(position), set, settings));
        }
        self.identity(position).identify(object, findings)
    }

    /// What the fingerprints of an object share, as it was read: an edit may change its version.
    fn identity(&self, position: usize) -> Identity {
        let file = &self.input_of(position).identity;
        Identity::new(file, self.object(position), self.ordinals[position])
    }
}
