//! The week as a page.

use crate::rows::column;
use arrow_array::{Int64Array, StringArray};
use larder::partitions::{TimePartitions, Weekday};
use larder::prelude::*;
use std::collections::BTreeMap;

fn weeks() -> TimePartitions {
    Partitioning::weekly("2024-03-04")
        .weekday(Weekday::Monday)
        .end("2024-03-11")
}

/// What each customer ordered in a week, as a page: a row for each customer, and one for all of them.
#[asset(group = "reports", partitions = weeks(), extension = "html", uses(page))]
pub(crate) fn week(ctx: &AssetContext, #[from("reports/customer_totals")] days: Partitions<Table>) -> Result<Blob> {
    let mut totals: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for day in days.into_map().into_values() {
        let day = day.to_batch()?;
        let customers = column::<StringArray>(&day, "customer")?;
        let orders = column::<Int64Array>(&day, "orders")?.values();
        let cents = column::<Int64Array>(&day, "cents")?.values();
        for ((customer, orders), cents) in customers.iter().flatten().zip(orders).zip(cents) {
            let total = totals.entry(customer.to_owned()).or_default();
            *total = (total.0 + orders, total.1 + cents);
        }
    }
    let monday = ctx.partition().and_then(|week| week.get("date")).unwrap_or_default();
    Ok(Blob::from(page(monday, &totals)))
}

#[code]
fn page(monday: &str, totals: &BTreeMap<String, (i64, i64)>) -> String {
    let row = |customer: &str, orders: i64, cents: i64| {
        let customer = escape(customer);
        format!(
            "<tr><td>{customer}</td><td>{orders}</td><td>{}.{:02}</td></tr>\n",
            cents / 100,
            cents % 100
        )
    };
    let mut lines: String = totals
        .iter()
        .map(|(customer, (orders, cents))| row(customer, *orders, *cents))
        .collect();
    let all = totals
        .values()
        .fold((0, 0), |all, total| (all.0 + total.0, all.1 + total.1));
    lines += &row("All", all.0, all.1);
    let title = format!("Orders of the week from {monday}");
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{title}</title>\n<h1>{title}</h1>\n\
         <table>\n<tr><th>Customer</th><th>Orders</th><th>Total</th></tr>\n{lines}</table>\n</html>\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#x27;")
}
