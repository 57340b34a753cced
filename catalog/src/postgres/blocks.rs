//! Changing states: the blocks that are meant are fetched, changed here, and written back, each once.
//!
//! Only who holds the catalogue's lock does so: nobody else changes a block in between.

use super::error::Outcome;
use super::session::Session;
use crate::block::{self, Changed};
use crate::happened::Happened;
use std::collections::BTreeMap;

/// Changes whose blocks are in memory at once: of 8 kB, if each is in another one.
const AT_ONCE: usize = 4_096;

/// What happened to a partition.
pub(super) struct Wanted<'a> {
    pub(super) asset: i64,
    pub(super) partition: String,
    pub(super) happened: Happened<'a>,
}

/// By asset and first partition. An empty one stays until the end: what comes next in its range must not look elsewhere.
type Blocks = BTreeMap<(i64, String), Block>;

#[derive(Default)]
struct Block {
    body: Vec<u8>,
    changed: bool,
}

/// Makes changes of states, in their order.
pub(super) fn apply(session: &mut Session, wanted: Vec<Wanted<'_>>) -> Outcome<()> {
    for some in wanted.chunks(AT_ONCE) {
        let mut blocks = fetch(session, some)?;
        for it in some {
            change(&mut blocks, it)?;
        }
        write(session, blocks)?;
    }
    Ok(())
}

fn fetch(session: &mut Session, wanted: &[Wanted<'_>]) -> Outcome<Blocks> {
    let assets: Vec<i64> = wanted.iter().map(|it| it.asset).collect();
    let partitions: Vec<&str> = wanted.iter().map(|it| &*it.partition).collect();
    let sql = "SELECT asset, first, body FROM state_block WHERE (asset, first) IN (
            SELECT wanted.asset, (SELECT it.first FROM state_block it WHERE it.asset = wanted.asset AND it.first <= wanted.partition
                                  ORDER BY it.first DESC LIMIT 1)
            FROM unnest($1::bigint[], $2::text[]) AS wanted (asset, partition))";
    let mut blocks = Blocks::new();
    for row in session.query(sql, &[&assets, &partitions])? {
        let body = row.try_get(2)?;
        blocks.insert((row.try_get(0)?, row.try_get(1)?), Block { body, changed: false });
    }
    Ok(blocks)
}

fn change(blocks: &mut Blocks, it: &Wanted<'_>) -> Outcome<()> {
    let key = (it.asset, it.partition.clone());
    let found = blocks.range(..=key).next_back().map(|(key, _)| key.clone());
    // The first block of an asset begins before every partition.
    let key = found
        .filter(|(asset, _)| *asset == it.asset)
        .unwrap_or_else(|| (it.asset, String::new()));
    let body = blocks.get(&key).map_or(&[][..], |block| &block.body);
    let changed = |body| Block { body, changed: true };
    match block::change(body, &it.partition, |old| it.happened.after(old))? {
        Changed::Nothing => {}
        Changed::Empty => drop(blocks.insert(key, changed(Vec::new()))),
        Changed::One(body) => drop(blocks.insert(key, changed(body))),
        Changed::Two(body, second, rest) => {
            blocks.insert(key, changed(body));
            blocks.insert((it.asset, second), changed(rest));
        }
    }
    Ok(())
}

fn write(session: &mut Session, blocks: Blocks) -> Outcome<()> {
    let changed = blocks.into_iter().filter(|(_, block)| block.changed);
    let (empty, full): (Vec<_>, Vec<_>) = changed.partition(|(_, block)| block.body.is_empty());
    if !empty.is_empty() {
        let (assets, firsts): (Vec<i64>, Vec<String>) = empty.into_iter().map(|(key, _)| key).unzip();
        let sql = "DELETE FROM state_block USING unnest($1::bigint[], $2::text[]) AS empty (asset, first)
                   WHERE state_block.asset = empty.asset AND state_block.first = empty.first";
        session.execute(sql, &[&assets, &firsts])?;
    }
    if !full.is_empty() {
        let (keys, bodies): (Vec<(i64, String)>, Vec<Vec<u8>>) =
            full.into_iter().map(|(key, block)| (key, block.body)).unzip();
        let (assets, firsts): (Vec<i64>, Vec<String>) = keys.into_iter().unzip();
        let sql =
            "INSERT INTO state_block (asset, first, body) SELECT * FROM unnest($1::bigint[], $2::text[], $3::bytea[])
                   ON CONFLICT (asset, first) DO UPDATE SET body = excluded.body";
        session.execute(sql, &[&assets, &firsts, &bodies])?;
    }
    Ok(())
}
