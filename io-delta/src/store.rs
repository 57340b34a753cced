//! Staging: rows on their way from an asset to data files.

use crate::config::WriteMode;
use crate::core::SUFFIX;
use crate::manager::DeltaIo;
use crate::merge::{Keys, unmarked};
use crate::partition::Scope;
use crate::plan::with_added;
use crate::schema;
use crate::stage::StagedTable;
use crate::table::Table;
use crate::verify;
use crate::write::{DATA, Writer};
use arrow_schema::{Schema, SchemaRef};
use futures_util::stream::StreamExt;
use larder_io_core::hash::TableDigest;
use larder_io_core::{BatchStream, Error, ErrorKind, Form, OutputContext, Receipt, Result, Scan, TableSource, Value};
use larder_io_object::files::apart;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// What is hashed while it passes.
type Digest = Arc<Mutex<Option<TableDigest>>>;

/// Batches on their way from the asset to files: hashed, checked, in Delta's types.
fn prepared(
    batches: BatchStream,
    digest: &Digest,
    natural: &SchemaRef,
    scope: &Scope,
    keys: Option<(Keys, Option<(String, SchemaRef)>)>,
) -> (BatchStream, Arc<Mutex<Option<Keys>>>) {
    let (digest, natural, scope) = (Arc::clone(digest), Arc::clone(natural), scope.clone());
    let (keys, marker) = keys.map_or((None, None), |(keys, marker)| (Some(keys), marker));
    let keys = Arc::new(Mutex::new(keys));
    let shared = Arc::clone(&keys);
    let mut full: Option<SchemaRef> = None;
    let batches = batches.map(move |batch| {
        let batch = batch?;
        if let Ok(mut digest) = digest.lock()
            && let Some(digest) = digest.as_mut()
        {
            digest.update(&batch);
        }
        let target = match &marker {
            // The marker is looked at, and not stored.
            Some(_) => match &full {
                Some(full) => Arc::clone(full),
                None => Arc::clone(full.insert(schema::natural(batch.schema_ref())?)),
            },
            None => Arc::clone(&natural),
        };
        let mut cast = schema::to_natural(&batch, &target)?;
        scope.check(&cast)?;
        if let Ok(mut keys) = shared.lock()
            && let Some(keys) = keys.as_mut()
        {
            keys.add(&cast, marker.as_ref().map(|(marker, _)| marker.as_str()))?;
        }
        if let Some((marker, stored)) = &marker {
            cast = unmarked(&cast, marker, stored)?;
        }
        Ok(cast)
    });
    (batches.boxed(), keys)
}

impl DeltaIo {
    pub(crate) async fn write(
        &self,
        ctx: &OutputContext,
        source: &dyn TableSource,
        value: &Value,
    ) -> Result<StagedTable> {
        let core = &self.core;
        let began = Instant::now();
        let original = source.schema();
        let marker = core.config.delete_when.as_deref();
        let stored: SchemaRef = match marker {
            Some(marker) => {
                let fields = original.fields().iter().filter(|field| field.name() != marker).cloned();
                Arc::new(Schema::new_with_metadata(
                    fields.collect::<Vec<_>>(),
                    original.metadata().clone(),
                ))
            }
            None => Arc::clone(&original),
        };
        let natural = schema::natural(&stored)?;
        let log = core.log(&ctx.asset_location)?;
        let table = core.latest(&log).await?;
        let free = table.as_ref().is_none_or(Table::is_missing);
        let own = |name: &str| natural.field_with_name(name).is_ok();
        let known = |name: &str| {
            table
                .as_ref()
                .is_some_and(|table| !free && table.added.iter().any(|added| added == name))
        };
        let scope = Scope::new(&core.config, ctx.partition.as_ref(), &ctx.location, &natural, &|name| {
            known(name) && !own(name)
        })?;
        let partition_columns: Vec<String> = match table.as_ref().filter(|_| !free) {
            Some(table) => table.partition_columns.clone(),
            None => {
                let mut columns: Vec<String> = scope.partition_columns().into_iter().map(str::to_owned).collect();
                columns.extend(
                    core.config
                        .partition_by
                        .iter()
                        .filter(|name| !scope.partition_columns().contains(&name.as_str()))
                        .cloned(),
                );
                columns
            }
        };
        let full = with_added(&natural, &scope);
        if core.config.change_data_feed || table.as_ref().is_some_and(Table::records_changes) {
            crate::changes::check_names(&full)?;
        }
        if let Some(table) = table.as_ref().filter(|_| !free) {
            // Early, so that nothing is written that could not be committed; the commit looks again.
            let whole = scope.is_whole() && core.config.mode.leaves_nothing();
            core.config.evolution.apply(&table.natural, &full, whole)?;
            crate::protocol::check(table, &[])?;
        }
        if let Some(missing) = partition_columns
            .iter()
            .find(|name| full.field_with_name(name).is_err())
        {
            let message = format!("the table is partitioned by `{missing}`, which is no column of what is stored");
            return Err(Error::new(ErrorKind::InvalidDefinition, message));
        }
        if partition_columns.len() == full.fields().len() {
            let message = "every column is one that the table is partitioned by, and a Delta table needs another one";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let keys = match core.config.mode {
            WriteMode::Merge => {
                let keys = Keys::new(&core.config.merge_on, &natural)?;
                Some((keys, marker.map(|marker| (marker.to_owned(), Arc::clone(&natural)))))
            }
            _ => None,
        };
        let fixed = scope
            .values()
            .into_iter()
            .map(|(column, value)| (column.to_owned(), Some(value.to_owned())));
        let fixed = fixed.filter(|(column, _)| partition_columns.contains(column)).collect();
        let files = core.files.in_turn();
        let writer = Writer {
            files: &files,
            log: &log,
            schema: Arc::clone(&natural),
            partition_columns: &partition_columns,
            fixed,
            prefix: DATA,
            file_bytes: core.config.file_bytes,
            gather_bytes: core.config.gather_bytes,
            compression: core.compression(),
        };
        let digest: Digest = Arc::new(Mutex::new(Some(TableDigest::new(Arc::clone(&original)))));
        let filled = match keys.is_none() && marker.is_none() && natural.fields() == original.fields() {
            true => writer.fill(source, &scope).await?,
            false => None,
        };
        let even_empty = core.config.mode.leaves_nothing() || free;
        let (files, keys, hashed) = match filled {
            // Nobody has seen the rows.
            Some(files) if !files.is_empty() => (files, Arc::default(), false),
            Some(_) => {
                let none = futures_util::stream::empty().boxed();
                (writer.write(none, even_empty).await?, Arc::default(), false)
            }
            None => {
                let batches = source.scan(Scan::all()).await?;
                // Files that follow each other have a thread each, where rows are also hashed and cast.
                let batches = match writer.varying().is_empty() {
                    true => apart(batches),
                    false => batches,
                };
                let (batches, keys) = prepared(batches, &digest, &natural, &scope, keys);
                (writer.write(batches, even_empty).await?, keys, true)
            }
        };
        let mut receipt = Receipt::begin(ctx, ctx.asset_location.with_suffix(SUFFIX)?, Form::Table, SUFFIX);
        receipt.uri = core.uri(&receipt.location);
        receipt.bytes = files.iter().map(|file| file.add.size.unsigned_abs()).sum();
        receipt.rows = Some(files.iter().map(|file| file.rows).sum());
        // Rows that join others are not the value: whoever compares hashes would take the same rows, added again, for no change.
        receipt.content_hash = match hashed && core.config.mode.leaves_nothing() {
            true => digest
                .lock()
                .ok()
                .and_then(|mut digest| digest.take())
                .and_then(TableDigest::finish),
            false => None,
        };
        receipt.stored_hash = Some(verify::stored_hash(&files));
        receipt.duration = began.elapsed();
        Ok(StagedTable {
            core: Arc::clone(core),
            log,
            ctx: ctx.clone(),
            scope,
            schema: stored,
            natural: full,
            partition_columns,
            files,
            keys: keys.lock().ok().and_then(|mut keys| keys.take()).map(Arc::new),
            receipt,
            kept: (ctx.keep_for_checks && value.replayable()).then(|| value.clone()),
            began,
            attempted: None,
            open: false,
            done: false,
        })
    }
}
