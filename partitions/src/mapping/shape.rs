//! What a mapping is like, before any key is known.

use super::Mapping;
use super::plan::{Plan, Rule, plan};
use crate::definition::{Kind, Partitioning};
use larder_io_core::Result;

impl Mapping {
    /// Whether no partition is made from more than one upstream partition, whatever partitions there are. Windows count as
    /// many unless both sides have the same ones and the mapping takes one of them.
    ///
    /// # Errors
    /// As [`Mapping::check`].
    pub fn is_single(&self, upstream: &Partitioning, downstream: Option<&Partitioning>) -> Result<bool> {
        let rules = match plan(self, upstream, downstream)? {
            Plan::Keys(keys) => return Ok(keys.len() < 2),
            Plan::Each(rules) => rules,
        };
        let downs = downstream.map_or(&[][..], Partitioning::dimensions);
        let mut each = rules.iter().zip(upstream.dimensions());
        Ok(each.all(|((from, rule), up)| match rule {
            Rule::Same | Rule::Last | Rule::Previous => true,
            Rule::All => false,
            Rule::Keys(keys) => keys.len() < 2,
            Rule::Table(table) => table.values().all(|values| values.len() < 2),
            Rule::Windows(start, end) => {
                let down = from.map(|from| &downs[from].kind);
                start == end
                    && matches!((&up.kind, down), (Kind::Time(up), Some(Kind::Time(down))) if up.same_windows(down))
            }
        }))
    }

    /// Whether an asset that is mapped to itself by this is made from earlier partitions only: some dimension goes back, and
    /// none goes on.
    ///
    /// # Errors
    /// As [`Mapping::check`].
    pub fn is_earlier(&self, own: &Partitioning) -> Result<bool> {
        let Plan::Each(rules) = plan(self, own, Some(own))? else {
            return Ok(false);
        };
        let back = |rule: &Rule<'_>| matches!(rule, Rule::Previous | Rule::Windows(_, ..0));
        let stays = |place: usize, from: Option<usize>, rule: &Rule<'_>| {
            from == Some(place) && (back(rule) || matches!(rule, Rule::Same))
        };
        let mut all = rules.iter().enumerate();
        Ok(all.all(|(place, (from, rule))| stays(place, *from, rule)) && rules.iter().any(|(_, rule)| back(rule)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::DimensionMapping;

    fn days() -> Partitioning {
        Partitioning::daily("2024-01-01").build().expect("is valid")
    }

    #[test]
    fn one_partition_or_many() {
        let (days, hours) = (days(), Partitioning::hourly("2024-01-01").build().expect("is valid"));
        let single =
            |mapping: Mapping, up: &Partitioning, down: &Partitioning| mapping.is_single(up, Some(down)).expect("fits");
        for (mapping, up, is) in [
            (Mapping::Identity, &days, true),
            (Mapping::Previous, &days, true),
            (Mapping::Last, &hours, true),
            (Mapping::All, &days, false),
            (Mapping::windows(0, 0), &days, true),
            (Mapping::windows(-1, -1), &days, true),
            (Mapping::windows(-1, 0), &days, false),
            (Mapping::windows(0, 0), &hours, false),
            (Mapping::keys(["2024-01-01"]), &days, true),
            (Mapping::keys(["2024-01-01", "2024-01-02"]), &days, false),
        ] {
            assert_eq!(single(mapping.clone(), up, &days), is, "{mapping} from {up}");
        }
        assert!(!Mapping::All.is_single(&days, None).expect("fits"));
    }

    #[test]
    fn earlier_than_itself() {
        let both = Partitioning::multi([
            ("date", days()),
            ("region", Partitioning::fixed("region", ["eu"]).expect("is valid")),
        ])
        .expect("is valid");
        let date = |mapping| Mapping::Dimensions(vec![DimensionMapping::follows("date", "date", mapping)]);
        for (mapping, own, is) in [
            (Mapping::Previous, days(), true),
            (Mapping::windows(-7, -1), days(), true),
            (Mapping::windows(-7, 0), days(), false),
            (Mapping::Identity, days(), false),
            (Mapping::All, days(), false),
            (date(Mapping::Previous), both.clone(), true),
            (date(Mapping::Identity), both, false),
        ] {
            assert_eq!(mapping.is_earlier(&own).expect("fits"), is, "{mapping} of {own}");
        }
    }
}
