//! Which row groups and pages of a Parquet file a predicate can leave out.

use arrow_array::{ArrayRef, UInt64Array};
use arrow_schema::{DataType, Field};
use larder_io_core::{Bounds, Literal, Predicate, Statistics};
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, RowSelection, RowSelector};
use parquet::basic::{ColumnOrder, Type as PhysicalType};
use parquet::bloom_filter::Sbbf;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use std::collections::BTreeSet;
use std::ops::Range;

/// The leaf of a flat column, by its name.
fn leaf<'m>(metadata: &'m ArrowReaderMetadata, name: &str) -> Option<(usize, &'m Field)> {
    let field = metadata.schema().field_with_name(name).ok()?;
    if field.data_type().is_nested() {
        return None;
    }
    let descriptor = metadata.parquet_schema();
    let leaf = (0..descriptor.num_columns())
        .find(|leaf| matches!(descriptor.column(*leaf).path().parts(), [only] if only == name))?;
    Some((leaf, field))
}

fn converter<'m>(metadata: &'m ArrowReaderMetadata, name: &str) -> Option<(usize, StatisticsConverter<'m>)> {
    let (leaf, field) = leaf(metadata, name)?;
    // Where no order of values was agreed upon, bounds are by sign.
    let unordered = matches!(
        metadata.metadata().file_metadata().column_order(leaf),
        ColumnOrder::UNDEFINED
    );
    if unordered && !field.data_type().is_signed_integer() && !field.data_type().is_temporal() {
        return None;
    }
    let converter = StatisticsConverter::from_column_index(leaf, field, metadata.parquet_schema()).ok()?;
    Some((leaf, converter.with_missing_null_counts_as_zero(false)))
}

/// Row groups that may hold matching rows, all of them without a predicate.
pub(super) fn row_groups(metadata: &ArrowReaderMetadata, predicate: Option<&Predicate>) -> Vec<usize> {
    let groups = 0..metadata.metadata().num_row_groups();
    match predicate {
        None => groups.collect(),
        Some(predicate) => {
            let verdicts = predicate.verdicts(&Groups(metadata));
            groups.filter(|group| !verdicts[*group].never()).collect()
        }
    }
}

/// Row groups and what their metadata tells.
struct Groups<'m>(&'m ArrowReaderMetadata);

impl Groups<'_> {
    fn all(&self) -> &[RowGroupMetaData] {
        self.0.metadata().row_groups()
    }
}

impl Statistics for Groups<'_> {
    fn rows(&self) -> Vec<Option<u64>> {
        self.all()
            .iter()
            .map(|group| u64::try_from(group.num_rows()).ok())
            .collect()
    }

    fn bounds(&self, column: &str) -> Option<Bounds> {
        let (leaf, converter) = converter(self.0, column)?;
        // The first kind of bounds compared texts as signed bytes.
        let old = |group: &RowGroupMetaData| {
            let statistics = group.column(leaf).statistics();
            statistics.is_some_and(|known| known.is_min_max_deprecated() && !known.is_min_max_backwards_compatible())
        };
        if self.all().iter().any(old) {
            return None;
        }
        Some(Bounds::new(
            converter.row_group_mins(self.all()).ok()?,
            converter.row_group_maxes(self.all()).ok()?,
            converter.row_group_null_counts(self.all()).ok()?,
        ))
    }
}

/// Rows of one row group that may match, from an index of its pages. `metadata` is of that row group alone.
pub(super) fn pages(metadata: &ArrowReaderMetadata, predicate: &Predicate, rows: u64) -> Option<RowSelection> {
    let index = metadata.metadata();
    let (columns, offsets) = (index.column_index()?.first()?, index.offset_index()?.first()?);
    // Pages of different columns begin at different rows; from one beginning to the next, every column has one page.
    let mut starts = BTreeSet::new();
    for name in predicate.columns() {
        let Some((leaf, _)) = leaf(metadata, name) else {
            continue;
        };
        let (Some(_), Some(pages)) = (columns.get(leaf), offsets.get(leaf)) else {
            continue;
        };
        for page in pages.page_locations() {
            starts.insert(u64::try_from(page.first_row_index).ok()?);
        }
    }
    let starts: Vec<u64> = starts.into_iter().chain([rows]).collect();
    // Anything else is no index of this row group; the rows are read without it.
    if starts.first() != Some(&0) || !starts.is_sorted_by(|one, next| one < next) {
        return None;
    }
    let ranges: Vec<Range<u64>> = starts.windows(2).map(|pair| pair[0]..pair[1]).collect();
    let verdicts = predicate.verdicts(&Ranges {
        metadata,
        ranges: &ranges,
    });
    let selectors = ranges.iter().zip(verdicts).map(|(range, verdict)| {
        let rows = (range.end - range.start) as usize;
        if verdict.never() {
            RowSelector::skip(rows)
        } else {
            RowSelector::select(rows)
        }
    });
    Some(selectors.collect::<Vec<_>>().into())
}

/// Ranges of rows of the only row group, each within one page of every column that is looked at.
struct Ranges<'m> {
    metadata: &'m ArrowReaderMetadata,
    ranges: &'m [Range<u64>],
}

impl Ranges<'_> {
    /// The page of a column that each range is in.
    fn page_of_each(&self, leaf: usize) -> Option<(Vec<usize>, usize)> {
        let pages = self
            .metadata
            .metadata()
            .offset_index()?
            .first()?
            .get(leaf)?
            .page_locations();
        let starts: Vec<u64> = pages
            .iter()
            .map(|page| u64::try_from(page.first_row_index).ok())
            .collect::<Option<_>>()?;
        let page = |range: &Range<u64>| starts.partition_point(|start| *start <= range.start).checked_sub(1);
        Some((self.ranges.iter().map(page).collect::<Option<_>>()?, starts.len()))
    }
}

impl Statistics for Ranges<'_> {
    fn rows(&self) -> Vec<Option<u64>> {
        self.ranges.iter().map(|range| Some(range.end - range.start)).collect()
    }

    fn bounds(&self, column: &str) -> Option<Bounds> {
        let (leaf, converter) = converter(self.metadata, column)?;
        let (page_of_each, pages) = self.page_of_each(leaf)?;
        let index: &ParquetMetaData = self.metadata.metadata();
        let (columns, offsets) = (index.column_index()?, index.offset_index()?);
        let spread = |values: ArrayRef| {
            let at = UInt64Array::from_iter_values(page_of_each.iter().map(|page| *page as u64));
            (values.len() == pages)
                .then(|| arrow_select::take::take(&values, &at, None).ok())
                .flatten()
        };
        // A range is a part of a page: it has no null, only nulls, or an unknown number of them.
        let nulls = converter.data_page_null_counts(columns, offsets, &[0]).ok()?;
        let lengths = converter
            .data_page_row_counts(offsets, index.row_groups(), &[0])
            .ok()??;
        if nulls.len() != pages || lengths.len() != pages {
            return None;
        }
        let nulls = page_of_each.iter().zip(self.ranges).map(|(page, range)| {
            let known = arrow_array::Array::is_valid(&nulls, *page).then(|| nulls.value(*page))?;
            match known {
                0 => Some(0),
                all if all == lengths.value(*page) => Some(range.end - range.start),
                _ => None,
            }
        });
        Some(Bounds::new(
            spread(converter.data_page_mins(columns, offsets, &[0]).ok()?)?,
            spread(converter.data_page_maxes(columns, offsets, &[0]).ok()?)?,
            nulls.collect(),
        ))
    }
}

/// Columns with a bloom filter that could tell that no row matches, and what they would have to hold.
pub(super) fn blooms<'p>(
    metadata: &ArrowReaderMetadata,
    group: usize,
    predicate: &'p Predicate,
) -> Vec<(usize, &'p Literal)> {
    let asked = predicate.equalities().into_iter();
    // A filter knows values as the file keeps them; dates and times may be kept in another unit than they are read in.
    let as_kept = |field: &Field, literal: &Literal| {
        let whole = field.data_type().is_integer() || *field.data_type() == DataType::Date32;
        whole || !matches!(literal, Literal::Int(_))
    };
    let with_filter = asked.filter_map(|(name, literal)| {
        let (leaf, field) = leaf(metadata, name)?;
        as_kept(field, literal).then_some((leaf, literal))
    });
    with_filter
        .filter(|(leaf, _)| {
            let column = metadata.metadata().row_group(group).column(*leaf);
            column.bloom_filter_offset().is_some()
        })
        .collect()
}

/// Whether a filter tells that a value is not there.
pub(super) fn absent(filter: &Sbbf, literal: &Literal, physical: PhysicalType) -> bool {
    match (literal, physical) {
        (Literal::Int(number), PhysicalType::INT64) => !filter.check(number),
        (Literal::Int(number), PhysicalType::INT32) => {
            i32::try_from(*number).is_ok_and(|number| !filter.check(&number))
        }
        (Literal::Text(text), PhysicalType::BYTE_ARRAY) => !filter.check(&text.as_str()),
        (Literal::Bytes(bytes), PhysicalType::BYTE_ARRAY) => !filter.check(bytes.as_slice()),
        // Floats have two zeros and many NaN.
        _ => false,
    }
}
