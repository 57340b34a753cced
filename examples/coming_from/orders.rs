//! The orders of a day, cleaned and added up.

use crate::days;
use crate::rows::{CustomerTotal, Order, column, table};
use arrow_array::{Array, Float64Array, Int64Array, StringArray};
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
    let (mut seen, mut orders) = (HashSet::new(), Vec::new());
    for row in 0..sent.num_rows() {
        let counts = statuses.value(row) != "cancelled" && amounts.is_valid(row);
        if counts && seen.insert(ids.value(row)) {
            let cents = (amounts.value(row) * 100.0).round() as i64;
            orders.push((ids.value(row), customers.value(row).trim(), cents));
        }
    }
    let ids = Int64Array::from_iter_values(orders.iter().map(|order| order.0));
    let customers = StringArray::from_iter_values(orders.iter().map(|order| order.1));
    let cents = Int64Array::from_iter_values(orders.iter().map(|order| order.2));
    table::<Order>([Arc::new(ids), Arc::new(customers), Arc::new(cents)])
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
    let customers = StringArray::from_iter_values(totals.keys());
    let orders = Int64Array::from_iter_values(totals.values().map(|total| total.0));
    let cents = Int64Array::from_iter_values(totals.values().map(|total| total.1));
    table::<CustomerTotal>([Arc::new(customers), Arc::new(orders), Arc::new(cents)])
}
