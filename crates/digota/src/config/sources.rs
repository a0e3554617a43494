//! Where settings come from: defaults, a preset, the file, the environment, each over the one before.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::document::{Document, Finished};
use super::problem::{Problem, Problems};
use super::settings::Settings;
use super::{check, environment, file};

/// The file that is read when nobody names one.
const FILE: &str = "digota.toml";

/// The places to look in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    preset: Vec<(&'static str, String, String)>,
    file: Option<PathBuf>,
    named_only: bool,
    variables: Vec<(String, String)>,
}

/// Settings that passed every check, and where each value came from.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    /// The settings.
    pub(crate) settings: Settings,
    pub(super) origins: BTreeMap<String, Origin>,
    /// Paths whose value could not be used, so that the default stands for it.
    broken: Vec<String>,
    /// Whether every layer could be read.
    complete: bool,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Built in.
    Default,
    /// A flag that stands for several settings, such as `--dev`.
    Preset(&'static str),
    /// The settings file, and the line.
    File(PathBuf, usize),
    /// A variable.
    Environment(String),
}

impl Sources {
    /// This process's variables, and the file that `--config` or `DIGOTA_CONFIG` names, else `digota.toml`.
    pub(crate) fn from_process(config: Option<PathBuf>) -> Self {
        let variables = std::env::vars_os().filter_map(|(name, text)| {
            let name = name.into_string().ok().filter(|name| name.starts_with("DIGOTA_"))?;
            Some((name, text.to_string_lossy().into_owned()))
        });
        Self::of(config, variables.collect())
    }

    /// The given variables, and the file that `config` or `DIGOTA_CONFIG` among them names.
    pub(crate) fn of(config: Option<PathBuf>, variables: Vec<(String, String)>) -> Self {
        let named = variables.iter().find(|(name, text)| name == environment::CONFIG && !text.is_empty());
        let file = config.or_else(|| named.map(|(_, path)| PathBuf::from(path)));
        Self { preset: Vec::new(), file, named_only: false, variables }
    }

    /// Reads no file that nobody named: what lies about in the folder is for another server.
    pub(crate) fn named_file_only(self) -> Self {
        Self { named_only: true, ..self }
    }

    /// Adds a layer right above the defaults: paths as `explain` prints them, values as in the environment.
    pub(crate) fn preset(mut self, label: &'static str, values: &[(&str, impl AsRef<str>)]) -> Self {
        self.preset
            .extend(values.iter().map(|(path, text)| (label, path.to_string(), text.as_ref().to_owned())));
        self
    }

    /// The same with this settings file.
    pub(crate) fn with_file(self, path: PathBuf) -> Self {
        Self { file: Some(path), ..self }
    }

    /// The settings file that is read, if it is there.
    pub(crate) fn path(&self) -> Option<&Path> {
        match &self.file {
            Some(path) => Some(path),
            None => (!self.named_only).then_some(Path::new(FILE)),
        }
    }

    /// Lays the layers over each other and checks the result; reports everything that is wrong at once.
    pub(crate) fn load(self) -> Result<Loaded, Problems> {
        let (loaded, problems) = self.inspect();
        if problems.0.is_empty() { Ok(loaded) } else { Err(problems) }
    }

    /// The settings as far as they can be read, and everything that is wrong with them.
    pub(crate) fn inspect(self) -> (Loaded, Problems) {
        let mut document = Document::new();
        self.lay_preset(&mut document);
        if let Some(path) = self.path() {
            file::lay(&mut document, path, self.file.is_some());
        }
        environment::lay(&mut document, &self.variables);
        let Finished { settings, origins, mut problems, broken, complete } = document.finish();
        // What follows from a value or a file that was refused already would only confuse.
        let follows =
            |problem: &Problem| !complete || broken.iter().any(|path| is_within(path, &problem.key));
        problems.extend(check::check(&settings).into_iter().filter(|problem| !follows(problem)));
        (Loaded { settings, origins, broken, complete }, Problems(problems))
    }

    fn lay_preset(&self, document: &mut Document) {
        for (label, path, text) in &self.preset {
            match document.key(path).cloned() {
                Some(key) => environment::lay_text(document, &key, path, text, Origin::Preset(label)),
                None => document.unknown(path, &Origin::Preset(label)),
            }
        }
    }
}

impl Loaded {
    /// Where the client at this place of the list came from: no client comes from two places.
    pub(crate) fn origin_of_client(&self, index: usize) -> &Origin {
        self.origin(&format!("clients.{index}.name"))
    }

    /// Where the value at this path came from.
    pub(crate) fn origin(&self, path: &str) -> &Origin {
        self.origins.get(path).unwrap_or(&Origin::Default)
    }

    /// Whether everything in this section, or at this path, is as somebody set it or left it.
    pub(crate) fn is_sound(&self, section: &str) -> bool {
        self.complete && !self.broken.iter().any(|path| is_within(path, section))
    }
}

/// Whether `path` is `section` or a key below it.
fn is_within(path: &str, section: &str) -> bool {
    path.strip_prefix(section).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl Origin {
    /// The name of the layer.
    pub(super) fn layer(&self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Preset(label) => label,
            Self::File(..) => "file",
            Self::Environment(_) => "environment",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => out.write_str("default"),
            Self::Preset(label) => out.write_str(label),
            Self::File(path, line) => write!(out, "file {}, line {line}", path.display()),
            Self::Environment(variable) => write!(out, "env {variable}"),
        }
    }
}
