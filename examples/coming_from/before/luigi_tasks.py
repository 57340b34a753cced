"""Orders by day and week in Luigi: luigi --module luigi_tasks Week --monday 2024-03-04 --local-scheduler

A task is done when its target exists. ORDERS_INBOX is where the shop puts its files, ORDERS_OUT where ours go.
"""

import os
from datetime import timedelta
from pathlib import Path

import luigi
from luigi.format import UTF8

import orders

INBOX = os.environ.get("ORDERS_INBOX", str(Path(__file__).parent.parent / "data"))
OUT = os.environ.get("ORDERS_OUT", "out")


class SentOrders(luigi.ExternalTask):
    """What the shop sends of a day."""

    day = luigi.DateParameter()

    def output(self):
        return luigi.LocalTarget(f"{INBOX}/orders-{self.day}.csv", format=UTF8)


class CleanOrders(luigi.Task):
    """The orders of a day that count."""

    day = luigi.DateParameter()
    retry_count = 2

    def requires(self):
        return SentOrders(self.day)

    def output(self):
        return luigi.LocalTarget(f"{OUT}/clean/orders-{self.day}.csv", format=UTF8)

    def run(self):
        with self.input().open() as sent, self.output().open("w") as file:
            orders.write(file, orders.ORDERS, orders.clean(orders.read(sent)))


class CustomerTotals(luigi.Task):
    """What each customer ordered on a day."""

    day = luigi.DateParameter()

    def requires(self):
        return CleanOrders(self.day)

    def output(self):
        return luigi.LocalTarget(f"{OUT}/reports/customer_totals-{self.day}.csv", format=UTF8)

    def run(self):
        with self.input().open() as cleaned, self.output().open("w") as file:
            orders.write(file, orders.TOTALS, orders.totals(orders.read(cleaned)))


class Week(luigi.Task):
    """The week that begins on a Monday, as a page."""

    monday = luigi.DateParameter()

    def requires(self):
        return [CustomerTotals(self.monday + timedelta(day)) for day in range(7)]

    def output(self):
        return luigi.LocalTarget(f"{OUT}/reports/week-{self.monday}.html", format=UTF8)

    def run(self):
        rows = []
        for target in self.input():
            with target.open() as file:
                rows += orders.read(file)
        with self.output().open("w") as file:
            file.write(orders.page(self.monday, orders.totals(rows)))
