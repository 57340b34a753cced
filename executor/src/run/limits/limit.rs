//! Limits as they are written: `db=2`, `tag:team=2`, `tag:team=ops=2`.

use crate::asset::ResourceSpec;
use crate::definitions::Pipeline;
use larder_io_core::{Error, ErrorKind, Result, nearest};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// What stands before the name of a tag.
const TAG: &str = "tag:";
/// Names that an error lists at most.
const NAMED: usize = 10;

/// How many steps run at once of those that take a resource, or that carry a tag.
///
/// | written | limits steps whose asset |
/// |---|---|
/// | `db=2` | takes the resource of that name that runs open, or one of a type with that name: `Db`, `my::Db`; `PgPool` is `pg_pool` |
/// | `tag:team=2` | has the tag `team`, whatever its value, all together |
/// | `tag:team=ops=2` | has the tag `team` with the value `ops` |
///
/// A step that several limits are for needs room in each of them.
///
/// ```
/// # use larder_executor::Limit;
/// let limit: Limit = "tag:team=ops=2".parse()?;
/// assert_eq!(limit, Limit::new("tag:team=ops", 2)?);
/// # Ok::<(), larder_io_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    of: Limited,
    at_once: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Limited {
    Resource(String),
    Tag { name: String, value: Option<String> },
}

impl Limit {
    /// A limit of `db`, `tag:team` or `tag:team=ops`.
    ///
    /// # Errors
    /// `InvalidConfig` for no name, and a limit of zero.
    pub fn new(of: &str, at_once: usize) -> Result<Self> {
        let limited = match of.strip_prefix(TAG) {
            None => Limited::Resource(of.to_owned()),
            Some(tag) => match tag.split_once('=') {
                None => Limited::Tag {
                    name: tag.to_owned(),
                    value: None,
                },
                Some((name, value)) => Limited::Tag {
                    name: name.to_owned(),
                    value: Some(value.to_owned()),
                },
            },
        };
        let (Limited::Resource(name) | Limited::Tag { name, .. }) = &limited;
        if name.is_empty() {
            return Err(wrong(of, "it names neither a resource nor a tag"));
        }
        if at_once == 0 {
            let message = format!("the limit of `{of}` is 0, so that nothing it is for could ever run; the least is 1");
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        Ok(Self { of: limited, at_once })
    }

    /// How many at once.
    pub fn at_once(&self) -> usize {
        self.at_once
    }

    /// Whether it is for the steps of this asset.
    pub(super) fn is_for(&self, step: usize, pipeline: &Pipeline) -> bool {
        let asset = &pipeline.0.assets[step];
        match &self.of {
            Limited::Resource(name) => {
                resources(step, pipeline).any(|resource| names(resource, pipeline).any(|known| known == *name))
            }
            Limited::Tag { name, value } => asset
                .tags
                .get(name)
                .is_some_and(|tagged| value.as_ref().is_none_or(|value| value == tagged)),
        }
    }

    /// What it could have been for, and what that is called.
    fn known(&self, pipeline: &Pipeline) -> (&'static str, BTreeSet<String>) {
        let assets = &pipeline.0.assets;
        match &self.of {
            Limited::Resource(_) => {
                let resources = (0..assets.len()).flat_map(|step| resources(step, pipeline));
                (
                    "takes a resource",
                    resources.flat_map(|resource| names(resource, pipeline)).collect(),
                )
            }
            Limited::Tag { value: None, .. } => {
                let tags = assets.iter().flat_map(|asset| asset.tags.keys());
                ("has a tag", tags.map(|name| format!("{TAG}{name}")).collect())
            }
            Limited::Tag { value: Some(_), .. } => {
                let tags = assets.iter().flat_map(|asset| &asset.tags);
                (
                    "has a tag",
                    tags.map(|(name, value)| format!("{TAG}{name}={value}")).collect(),
                )
            }
        }
    }
}

/// What a step takes, in its function and in the checks of what it makes.
fn resources(step: usize, pipeline: &Pipeline) -> impl Iterator<Item = &ResourceSpec> {
    let checks = pipeline.graph().nodes[step]
        .keys
        .iter()
        .flat_map(|key| pipeline.0.checks.of(key));
    let of_checks = checks.flat_map(|check| &check.check.resources);
    pipeline.0.assets[step].resources.iter().chain(of_checks)
}

/// What a resource is called: by its type, and as definitions name it.
fn names<'p>(resource: &ResourceSpec, pipeline: &'p Pipeline) -> impl Iterator<Item = String> + use<'p> {
    let start = pipeline.0.starts.get(&resource.id);
    std::iter::once(short_name(resource.name)).chain(start.map(|start| start.declared.name.clone()))
}

/// Refuses limits that come twice, and those that are for no asset of all.
pub(super) fn check(limits: &[Limit], pipeline: &Pipeline) -> Result<()> {
    for (position, limit) in limits.iter().enumerate() {
        let of = &limit.of;
        if limits[..position].iter().any(|other| other.of == *of) {
            let message = format!("the limit of `{of}` is given twice; take one away");
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        if (0..pipeline.0.assets.len()).any(|step| limit.is_for(step, pipeline)) {
            continue;
        }
        let (does, known) = limit.known(pipeline);
        let message = match nearest(&of.to_string(), known.iter().map(String::as_str)) {
            Some(near) => format!("the limit of `{of}`: no asset {does} of that name; did you mean `{near}`?"),
            None if known.is_empty() => format!("the limit of `{of}`: no asset {does} at all; take it away"),
            None => {
                let names: Vec<String> = known.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
                format!(
                    "the limit of `{of}`: no asset {does} of that name; there are {}",
                    names.join(", ")
                )
            }
        };
        return Err(Error::new(ErrorKind::InvalidConfig, message));
    }
    Ok(())
}

impl FromStr for Limit {
    type Err = Error;

    /// Reads what a command line says.
    ///
    /// # Errors
    /// `InvalidConfig` for what is no limit, and as [`Limit::new`].
    fn from_str(text: &str) -> Result<Self> {
        let Some((of, count)) = text.rsplit_once('=') else {
            return Err(wrong(text, "it does not say how many"));
        };
        let count = count.trim();
        match count.parse() {
            Ok(at_once) => Self::new(of.trim(), at_once),
            Err(_) => Err(wrong(text, &format!("`{count}` is no number of steps"))),
        }
    }
}

fn wrong(text: &str, why: &str) -> Error {
    let message = format!("`{text}` is no limit: {why}; write `db=2`, `tag:team=2` or `tag:team=ops=2`");
    Error::new(ErrorKind::InvalidConfig, message)
}

impl fmt::Display for Limited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resource(name) => f.write_str(name),
            Self::Tag { name, value: None } => write!(f, "{TAG}{name}"),
            Self::Tag {
                name,
                value: Some(value),
            } => write!(f, "{TAG}{name}={value}"),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.of, self.at_once)
    }
}

/// The name of a type without its path and parameters, as names are written outside of code: `my::PgPool<T>` is `pg_pool`.
fn short_name(type_name: &str) -> String {
    let path = type_name.split('<').next().unwrap_or(type_name);
    let name: Vec<char> = path.rsplit("::").next().unwrap_or(path).chars().collect();
    let mut short = String::with_capacity(name.len() + 4);
    for (at, letter) in name.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| name[before]);
        let begins = before.is_some_and(|before| {
            let ends_acronym = before.is_uppercase() && name.get(at + 1).is_some_and(|next| next.is_lowercase());
            letter.is_uppercase() && before != '_' && (!before.is_uppercase() || ends_acronym)
        });
        if begins {
            short.push('_');
        }
        short.extend(letter.to_lowercase());
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Asset, Check, Definitions};
    use larder_io_memory::MemoryIo;
    use std::sync::Arc;

    struct Db;

    /// The third takes nothing itself; its check does.
    fn pipeline() -> Pipeline {
        let asset = |key: &str| Asset::builder(key).tag("team", key);
        let check = Check::builder("some").asset("plain").resource::<u32>();
        Definitions::new()
            .without_config()
            .default_io_manager(Arc::new(MemoryIo::new()))
            .resource(Db)
            .resource(vec![0_u8])
            .resource(1_u32)
            .assets([
                asset("ops").resource::<Db>().function(|_| async { Ok(1_u64) }),
                asset("web").resource::<Vec<u8>>().function(|_| async { Ok(1_u64) }),
                Asset::builder("plain").function(|_| async { Ok(1_u64) }),
            ])
            .checks([check.function(|_| async { Ok(true) })])
            .build()
            .expect("is valid")
    }

    #[test]
    fn types_have_short_names() {
        for (type_name, short) in [
            ("crate::Db", "db"),
            ("a::b::PgPool", "pg_pool"),
            ("alloc::vec::Vec<a::b::C>", "vec"),
            ("DB", "db"),
            ("x::HTTPClient", "http_client"),
            ("x::Http2Client", "http2_client"),
            ("snake_case", "snake_case"),
            ("A_B", "a_b"),
        ] {
            assert_eq!(short_name(type_name), short, "{type_name}");
        }
    }

    #[test]
    fn a_limit_is_for_those_that_take_the_resource_or_have_the_tag() {
        for (text, wanted) in [
            ("db=1", [true, false, false]),
            ("vec=2", [false, true, false]),
            ("u32=2", [false, false, true]),
            ("tag:team=2", [true, true, false]),
            ("tag:team=web=2", [false, true, false]),
        ] {
            let limit: Limit = text.parse().expect(text);
            assert_eq!(limit.to_string(), text);
            let pipeline = pipeline();
            assert_eq!([0, 1, 2].map(|step| limit.is_for(step, &pipeline)), wanted, "{text}");
            check(&[limit], &pipeline).expect(text);
        }
    }

    #[test]
    fn what_is_no_limit_or_is_for_nothing_is_refused_and_says_why() {
        let refused = |texts: &[&str]| {
            let limits: Result<Vec<Limit>> = texts.iter().map(|text| text.parse()).collect();
            let error = limits
                .and_then(|limits| check(&limits, &pipeline()))
                .expect_err(texts[0]);
            assert_eq!(error.kind(), ErrorKind::InvalidConfig);
            error.message().to_owned()
        };
        for (texts, why) in [
            (&["db=0"][..], "the limit of `db` is 0"),
            (&["tag:team=ops=0"], "the limit of `tag:team=ops` is 0"),
            (&["db"], "it does not say how many"),
            (&["db=-1"], "`-1` is no number of steps"),
            (&["db=two"], "`two` is no number of steps"),
            (&["=2"], "it names neither"),
            (&["tag:=2"], "it names neither"),
            (&["bd=2"], "no asset takes a resource of that name; did you mean `db`?"),
            (&["Db=2"], "did you mean `db`?"),
            (&["warehouse=2"], "there are `db`, `u32`, `vec`"),
            (
                &["tag:taem=2"],
                "no asset has a tag of that name; did you mean `tag:team`?",
            ),
            (&["tag:team=obs=2"], "did you mean `tag:team=ops`?"),
            (&["db=1", "db=2"], "the limit of `db` is given twice"),
        ] {
            let message = refused(texts);
            assert!(message.contains(why), "{texts:?}: {message}");
        }
    }
}
