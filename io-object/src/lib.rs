//! An I/O manager over any object store: formats, streaming, staging and receipts.
