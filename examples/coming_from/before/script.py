"""Orders by day and week, as a plain script: python script.py 2024-03-04 [2024-03-05 ..]

Files have the day in their names. What is there already is not made again; delete a file to have it made anew.
ORDERS_INBOX is where the shop puts its files, ORDERS_OUT where ours go.
"""

import os
import sys
from datetime import date, timedelta
from pathlib import Path

import orders

INBOX = Path(os.environ.get("ORDERS_INBOX", Path(__file__).parent.parent / "data"))
OUT = Path(os.environ.get("ORDERS_OUT", "out"))


def text(path, mode="r"):
    return open(path, mode, newline="", encoding="utf-8")


def clean_orders(day):
    target = OUT / "clean" / f"orders-{day}.csv"
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with text(INBOX / f"orders-{day}.csv") as sent, text(target, "w") as file:
        orders.write(file, orders.ORDERS, orders.clean(orders.read(sent)))
    return target


def customer_totals(day):
    target = OUT / "reports" / f"customer_totals-{day}.csv"
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with text(clean_orders(day)) as cleaned, text(target, "w") as file:
        orders.write(file, orders.TOTALS, orders.totals(orders.read(cleaned)))
    return target


def week(monday):
    target = OUT / "reports" / f"week-{monday}.html"
    if target.exists():
        return target
    rows = []
    for day in range(7):
        with text(customer_totals(monday + timedelta(day))) as file:
            rows += orders.read(file)
    with text(target, "w") as file:
        file.write(orders.page(monday, orders.totals(rows)))
    return target


def main():
    for day in map(date.fromisoformat, sys.argv[1:]):
        print(customer_totals(day))
        if day.isoweekday() == 7:
            print(week(day - timedelta(6)))


if __name__ == "__main__":
    main()
