"""What the pipeline computes, without where anything is kept: all three pipelines beside this file use it."""

import csv
from decimal import Decimal
from html import escape

ORDERS = ["id", "customer", "cents"]
TOTALS = ["customer", "orders", "cents"]


def clean(sent):
    """The orders that count: not cancelled, with an amount, each id once; names trimmed, amounts in cents."""
    seen = set()
    for row in sent:
        if row["status"] == "cancelled" or row["amount"] == "" or row["id"] in seen:
            continue
        seen.add(row["id"])
        yield row["id"], row["customer"].strip(), int(Decimal(row["amount"]) * 100)


def totals(orders):
    """How often each customer ordered and for how much, by name; `orders` are rows of ORDERS or of TOTALS."""
    sums = {}
    for row in orders:
        count, cents = sums.get(row["customer"], (0, 0))
        sums[row["customer"]] = count + int(row.get("orders", 1)), cents + int(row["cents"])
    return [(customer, *sums[customer]) for customer in sorted(sums)]


def page(first_day, rows):
    """The week as a page: a row for each customer, and one for all of them."""
    rows = [*rows, ("All", sum(orders for _, orders, _ in rows), sum(cents for _, _, cents in rows))]
    lines = "".join(
        f"<tr><td>{escape(customer)}</td><td>{orders}</td><td>{cents // 100}.{cents % 100:02}</td></tr>\n"
        for customer, orders, cents in rows
    )
    title = f"Orders of the week from {first_day}"
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{title}</title>\n<h1>{title}</h1>\n'
        f"<table>\n<tr><th>Customer</th><th>Orders</th><th>Total</th></tr>\n{lines}</table>\n</html>\n"
    )


def read(file):
    """The rows of an open csv file, one by one."""
    return csv.DictReader(file)


def write(file, columns, rows):
    """Writes rows to an open file as they come."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
