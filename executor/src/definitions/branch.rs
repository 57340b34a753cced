//! Branches: profiles that read what they lack from their parent, and write only their own.

use super::{AssetPartition, Definitions, Pipeline};
use crate::config::Config;
use crate::policy::root;
use larder_io_core::{Error, ErrorKind, Receipt, Result};

/// Parents above parents at most.
const MOST_PARENTS: usize = 16;

/// What a pipeline that is built as a parent is told.
#[derive(Clone, Debug, Default)]
pub(super) struct AsParent {
    /// No profile, whoever asks for one.
    pub(super) of_base: bool,
    /// Profiles that were built on the way here.
    children: Vec<String>,
}

impl AsParent {
    /// Whether values are only read here: a branch computes its own.
    pub(super) fn only_read(&self) -> bool {
        !self.children.is_empty()
    }
}

impl Definitions {
    /// The pipeline of the parent that the chosen profile names.
    pub(super) fn parent(&self, config: &Config) -> Result<Option<Pipeline>> {
        let (Some(parent), Some(own)) = (&config.parent, &config.profile) else {
            return Ok(None);
        };
        let mut definitions = self.clone();
        let children = &mut definitions.as_parent.children;
        children.push(own.clone());
        let again = parent.profile.as_ref().is_some_and(|parent| children.contains(parent));
        if again || children.len() > MOST_PARENTS {
            let circle: Vec<&str> = children.iter().chain(&parent.profile).map(String::as_str).collect();
            let problem = format!("profiles are each other's parents: {}", circle.join(" -> "));
            return Err(parent.place.wrong(problem));
        }
        definitions.as_parent.of_base = parent.profile.is_none();
        definitions.chosen_profile.clone_from(&parent.profile);
        let built = definitions.build();
        built.map(Some).map_err(|error| {
            let message = format!("the parent of the profile `{own}`: {}", error.message());
            Error::new(error.kind(), message).with_source(error)
        })
    }
}

impl Pipeline {
    /// The pipeline of the parent profile, when this one is a branch.
    pub fn parent(&self) -> Option<&Self> {
        self.2.as_deref()
    }

    /// This pipeline, its parent, the parent of that, and so on.
    pub(crate) fn lineage(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |pipeline| pipeline.parent())
    }

    /// The receipt of the value that a load gives: this profile's own, else its parent's.
    ///
    /// # Errors
    /// Only when a manager cannot tell.
    pub async fn visible(&self, of: impl Into<AssetPartition>) -> Result<Option<Receipt>> {
        let of = of.into();
        for pipeline in self.lineage() {
            if let Some(receipt) = pipeline.head(&of).await? {
                return Ok(Some(receipt));
            }
        }
        Ok(None)
    }

    /// Refuses a branch that would write where its parent or one further up does, or whose places mean something else there.
    pub(super) fn check_branch(&self, parent: &Self, problems: &mut Vec<Error>) {
        parent.lineage().for_each(|above| self.check_below(above, problems));
    }

    fn check_below(&self, parent: &Self, problems: &mut Vec<Error>) {
        let wrong = |message: String| Error::new(ErrorKind::InvalidConfig, message);
        if self.0.layout.name() != parent.0.layout.name() {
            let message = format!(
                "a branch has its parent's layout, and this one is `{}` where the parent's is `{}`",
                self.0.layout.name(),
                parent.0.layout.name()
            );
            problems.push(wrong(message));
        }
        for (step, node) in self.graph().nodes.iter().enumerate() {
            for key in node.keys.iter().filter(|_| !self.is_external(step)) {
                let places =
                    [self, parent].map(|pipeline| pipeline.stored(key).ok().and_then(|stored| stored.bound.clone()));
                let [Some(own), Some(of_parent)] = places else { continue };
                let (own, of_parent) = (own.manager.info(), of_parent.manager.info());
                if (&own.scheme, &own.root) == (&of_parent.scheme, &of_parent.root) {
                    let message = format!(
                        "`{key}` would be written into {}, where its parent keeps it: a branch needs I/O managers of its own",
                        root(own)
                    );
                    problems.push(wrong(message));
                }
            }
        }
    }
}
