//! The catalogue of models: TOML files that a person reads and edits, embedded and overridable. `catalog/README.md`
//! describes the format. Loading refuses whatever is inconsistent, naming file and field, so that nothing later has to
//! ask whether the data makes sense. Reads no disk: the edge hands over names and texts.

mod counterparts;
mod fields;
mod file;
mod offers;
mod prices;
mod whole;

use std::{collections::BTreeMap, path::Path};

use include_dir::{Dir, include_dir};

use crate::Model;
use file::{ModelFile, SizeTables};

static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/catalog");

/// Name of the file of shared size tables; every other `.toml` file is one model.
const SIZES: &str = "sizes.toml";

/// Every model, by id.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// Sources by model id, kept so that an override of the size tables reaches every model.
    sources: BTreeMap<String, (String, ModelFile)>,
    sizes: SizeTables,
    /// Sorted: images first, then by id.
    models: Vec<Model>,
}

/// Why a catalogue is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {field}: {problem}")]
pub struct CatalogueError {
    /// Name of the file.
    pub file: String,
    /// Where in it, such as `fields.generation_ratio` or `provider fal: fields.generation_seed`.
    pub field: String,
    /// What is wrong.
    pub problem: String,
}

/// A problem at a place of a file whose name the caller knows.
#[derive(Debug)]
struct Problem {
    field: String,
    problem: String,
}

impl Problem {
    fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }

    fn within(self, outer: &str) -> Self {
        Self { field: format!("{outer}: {}", self.field), ..self }
    }

    fn in_file(self, file: &str) -> CatalogueError {
        CatalogueError { file: file.to_owned(), field: self.field, problem: self.problem }
    }
}

impl Catalogue {
    /// The catalogue that this program was built with.
    pub fn embedded() -> Result<Self, CatalogueError> {
        let texts: Vec<_> = embedded_files(&EMBEDDED).collect();
        Self { sources: BTreeMap::new(), sizes: SizeTables::default(), models: Vec::new() }.with_overrides(&texts)
    }

    /// A catalogue of these files alone.
    pub fn from_files(files: &[(String, String)]) -> Result<Self, CatalogueError> {
        Self { sources: BTreeMap::new(), sizes: SizeTables::default(), models: Vec::new() }.with_overrides(files)
    }

    /// The same with these files, as (name, text), laid over it: a model with a known id replaces that model, a size
    /// table with a known name replaces that table. Names that do not end in `.toml` are passed over.
    pub fn with_overrides(mut self, files: &[(String, String)]) -> Result<Self, CatalogueError> {
        let mut seen = BTreeMap::new();
        for (name, text) in files.iter().filter(|(name, _)| is_toml(name)) {
            if name.rsplit('/').next() == Some(SIZES) {
                self.sizes.extend(parse::<SizeTables>(name, text)?);
                continue;
            }
            let source: ModelFile = parse(name, text)?;
            if let Some(other) = seen.insert(source.id.clone(), name) {
                return Err(Problem::new("id", format!("`{}` is also in {other}", source.id)).in_file(name));
            }
            self.sources.insert(source.id.clone(), (name.clone(), source));
        }
        let built = self
            .sources
            .values()
            .map(|(name, source)| whole::model(source, &self.sizes).map_err(|problem| problem.in_file(name)));
        self.models = built.collect::<Result<_, _>>()?;
        self.models.sort_by(|one, other| (one.kind, &one.id).cmp(&(other.kind, &other.id)));
        Ok(self)
    }

    /// The model of this public id.
    pub fn model(&self, id: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.id == id)
    }

    /// Every model: images first, then by id.
    pub fn models(&self) -> impl Iterator<Item = &Model> {
        self.models.iter()
    }
}

fn is_toml(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "toml")
}

/// A syntax error's text shows line and key itself.
fn parse<T: serde::de::DeserializeOwned>(name: &str, text: &str) -> Result<T, CatalogueError> {
    toml::from_str(text).map_err(|error| {
        let line =
            error.span().map_or(1, |span| text.get(..span.start).map_or(1, |before| before.lines().count().max(1)));
        Problem::new(format!("line {line}"), error.to_string().trim()).in_file(name)
    })
}

fn embedded_files<'a>(folder: &'a Dir<'a>) -> Box<dyn Iterator<Item = (String, String)> + 'a> {
    let here =
        folder.files().filter_map(|file| Some((file.path().to_str()?.to_owned(), file.contents_utf8()?.to_owned())));
    Box::new(here.chain(folder.dirs().flat_map(|inner| embedded_files(inner))))
}
