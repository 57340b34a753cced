//! `[observe]`: who is told what runs of the command line do.

use super::item::{Item, Value};
use super::manager::{Setting, Surroundings, escaped, flatten};
use super::place::Place;
use crate::observer::ObserverTarget;
use larder_io_core::Result;

/// The table.
pub(super) const OBSERVE: &str = "observe";
/// The key of a target beside settings.
const TO: &str = "to";
/// What turns a base's observer off in a profile.
const OFF: &str = "off";

/// One observer. It has no `Debug`: it may hold a secret.
#[derive(Clone)]
pub(crate) struct ObserveLine {
    /// The name of its kind.
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) of_profile: bool,
    item: Item,
}

/// All of them, one of each kind.
#[derive(Clone, Default)]
pub(crate) struct ObserveTable(Vec<ObserveLine>);

impl ObserveTable {
    /// # Errors
    /// `InvalidConfig` for what is no table.
    pub(super) fn read(item: Item) -> Result<Self> {
        let lines = item.table("`observe`, which says for each observer where it writes,")?;
        let lines = lines.into_iter().map(|entry| ObserveLine {
            name: entry.key,
            place: entry.place,
            of_profile: false,
            item: entry.item,
        });
        Ok(Self(lines.collect()))
    }

    /// What the profile says of an observer replaces what the base says.
    pub(super) fn merged(base: Self, mut profile: Self) -> Self {
        profile.0.iter_mut().for_each(|line| line.of_profile = true);
        let said: Vec<String> = profile.0.iter().map(|line| line.name.clone()).collect();
        profile
            .0
            .extend(base.0.into_iter().filter(|line| !said.contains(&line.name)));
        profile.0.retain(|line| !line.off());
        profile
    }

    pub(crate) fn lines(&self) -> &[ObserveLine] {
        &self.0
    }
}

impl ObserveLine {
    fn off(&self) -> bool {
        matches!(&self.item.value, Value::Text(text) if text == OFF)
    }

    /// Names of its settings.
    pub(crate) fn settings(&self) -> Vec<(&str, &Place)> {
        match &self.item.value {
            Value::Table(entries) => {
                let settings = entries.iter().filter(|entry| entry.key != TO);
                settings.map(|entry| (entry.key.as_str(), &entry.place)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Where it writes, with variables and references put in.
    ///
    /// # Errors
    /// `InvalidConfig` with the place of what is missing or wrong.
    pub(crate) fn target(&self, around: &Surroundings<'_>) -> Result<ObserverTarget> {
        let mut settings: Vec<Setting> = Vec::new();
        match &self.item.value {
            Value::Text(_) => flatten(TO, &self.place, &self.item, around, &mut settings)?,
            Value::Table(entries) => {
                for entry in entries {
                    flatten(&escaped(&entry.key), &entry.place, &entry.item, around, &mut settings)?;
                }
            }
            _ => {
                let problem = format!(
                    "`{}` is a target, or a table with `{TO}` and settings, not {}",
                    self.name,
                    self.item.kind()
                );
                return Err(self.item.place.wrong(problem));
            }
        }
        let Some(to) = settings.iter().find(|setting| setting.name == TO) else {
            let problem = format!("`{}` has no target; write `{TO} = \"..\"`", self.name);
            return Err(self.place.wrong(problem));
        };
        let target = ObserverTarget::new(&to.text, around.directory);
        let others = settings.iter().filter(|setting| setting.name != TO);
        Ok(others.fold(target, |target, setting| {
            target.with_setting(&setting.name, &setting.text)
        }))
    }
}
