//! Times what planning asks of an asset with a million hourly partitions: `cargo run --release -p larder-partitions --example million`.

use larder_io_core::Result;
use larder_partitions::{Mapping, NoDynamicKeys, Partitioning};
use std::time::Instant;

fn timed<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    let made = work()?;
    println!("{what:<62} {:>9.3} ms", start.elapsed().as_secs_f64() * 1_000.0);
    Ok(made)
}

fn main() -> Result<()> {
    let now = "2026-01-01T12:00:00Z".parse().expect("is an instant");
    let zone = "America/New_York";
    let (hours, days) = timed("declare hours from 1910 and days", || {
        let hours = Partitioning::hourly("1910-01-01").time_zone(zone).build()?;
        let days = Partitioning::daily("1910-01-01").time_zone(zone).build()?;
        Ok((hours, days))
    })?;
    let (hours, days) = timed("resolve both", || {
        Ok((hours.at(now, &NoDynamicKeys)?, days.at(now, &NoDynamicKeys)?))
    })?;
    println!("{} hours, {} days", hours.len(), days.len());
    let (up, down) = timed("map hours to days and days to hours", || {
        let up = Mapping::windows(0, 0).bind(&hours, &days)?;
        let down = Mapping::windows(0, 0).bind(&days, &hours)?;
        Ok((up, down))
    })?;
    timed("all hours of all days", || {
        Ok(up.upstream_of(&days.all())?.complete()?.len())
    })?;
    timed("all days of all hours", || {
        Ok(down.upstream_of(&hours.all())?.partitions.len())
    })?;
    let changed = timed("select a range and a pattern", || {
        hours.select("1950-01-01T00:00..1999-12-31T23:00, 2024-02-*")
    })?;
    timed("what is downstream of it", || up.downstream_of(&changed))?;
    timed("everything but it, written and read", || {
        let rest = hours.all().difference(&changed)?;
        hours.select(&rest.to_string())
    })?;
    let done = timed("a set of every other hour, by keys", || {
        let keys: Vec<_> = hours.iter().step_by(2).collect();
        hours.set(&keys)
    })?;
    timed("what is left of all without that", || hours.all().difference(&done))?;
    timed("list every key", || Ok(hours.iter().count()))?;
    timed("100,000 windows", || {
        let windows = hours.iter().take(100_000).map(|key| hours.window(&key));
        windows.collect::<Result<Vec<_>>>()
    })?;
    timed("100,000 definitions resolved and mapped", || {
        for _ in 0..100_000 {
            let days = Partitioning::daily("2020-01-01")
                .time_zone(zone)
                .build()?
                .at(now, &NoDynamicKeys)?;
            Mapping::Identity.bind(&days, &days)?.upstream_of(&days.all())?;
        }
        Ok(())
    })?;
    Ok(())
}
