//! The orders of a day, cleaned and added up.

use crate::days;
use crate::rows::{CustomerTotal, Order, column};
use arrow_array::{Array, Float64Array, Int64Array, RecordBatch, StringArray};
use larder::prelude::*;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// The orders of a day that count: not cancelled, with an amount, each id once; names trimmed, amounts in cents.
#[asset(key = "clean/orders", partitions = days(), columns = Order)]
pub(crate) fn clean_orders(#[from("raw/orders")] sent: Table) -> Result<Table> {
    let sent = sent.to_batch()?;
    let ids = column::<Int64Array>(&sent, "id")?;
    let customers = column::<StringArray>(&sent, "customer")?;
    let amounts = column::<Float64Array>(&sent, "amount")?;
    let statuses = column::<StringArray>(&sent, "status")?;
    let mut seen = HashSet::new();
    let counts =
        |row: &usize| statuses.value(*row) != "cancelled" && amounts.is_valid(*row) && seen.insert(ids.value(*row));
    let rows: Vec<usize> = (0..sent.num_rows()).filter(counts).collect();
    let ids: Int64Array = rows.iter().map(|row| Some(ids.value(*row))).collect();
    let customers: StringArray = rows.iter().map(|row| Some(customers.value(*row).trim())).collect();
    let cents: Int64Array = rows
        .iter()
        .map(|row| Some((amounts.value(*row) * 100.0).round() as i64))
        .collect();
    Ok(RecordBatch::try_new(
        Order::schema(),
        vec![Arc::new(ids), Arc::new(customers), Arc::new(cents)],
    )?
    .into())
}

/// What each customer ordered on a day, by name.
#[asset(group = "reports", partitions = days(), columns = CustomerTotal)]
pub(crate) fn customer_totals(#[from("clean/orders")] orders: Table) -> Result<Table> {
    let orders = orders.to_batch()?;
    let customers = column::<StringArray>(&orders, "customer")?;
    let cents = column::<Int64Array>(&orders, "cents")?;
    let mut totals: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for (customer, cents) in customers.iter().flatten().zip(cents.values()) {
        let total = totals.entry(customer).or_default();
        *total = (total.0 + 1, total.1 + cents);
    }
    let customers: StringArray = totals.keys().map(Some).collect();
    let orders: Int64Array = totals.values().map(|(orders, _)| Some(*orders)).collect();
    let cents: Int64Array = totals.values().map(|(_, cents)| Some(*cents)).collect();
    let columns: Vec<Arc<dyn Array>> = vec![Arc::new(customers), Arc::new(orders), Arc::new(cents)];
    Ok(RecordBatch::try_new(CustomerTotal::schema(), columns)?.into())
}
