//! How much is told of tables.

use super::Definitions;

impl Definitions {
    /// Whether nulls, least and greatest value of each column of a table are recorded, in the catalogue and for observers. They are taken from what
    /// passes on its way into storage; least and greatest of tables up to 64 MiB in memory. Default true.
    #[must_use]
    pub fn column_statistics(mut self, wanted: bool) -> Self {
        self.details.statistics = wanted;
        self
    }

    /// How many of the first rows of a table are recorded, in the catalogue and for observers; 0 for none, which is what rows that must not be read there need.
    /// At most 8 KiB of them. Default 5.
    #[must_use]
    pub fn preview_rows(mut self, rows: usize) -> Self {
        self.details.preview_rows = rows;
        self
    }
}
