"""Orders by day and week in Airflow: a run for each day, the week on Sundays.

Tasks hand on the paths of their files by XCom. The variables `orders_inbox` and `orders_out` say where files are.
Without a scheduler: python airflow_dag.py 2024-03-04 [2024-03-05 ..]
"""

import os
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

from airflow.sdk import CronDataIntervalTimetable, Variable, dag, task

sys.path.insert(0, os.path.dirname(__file__))
import orders


def out(name):
    path = Path(Variable.get("orders_out")) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def text(path, mode="r"):
    return open(path, mode, newline="", encoding="utf-8")


@dag(
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(2024, 3, 4, tzinfo=timezone.utc),
    catchup=True,
    max_active_runs=4,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
)
def orders_by_day():
    @task.sensor(poke_interval=60, timeout=6 * 60 * 60)
    def orders_are_there(ds=None):
        return (Path(Variable.get("orders_inbox")) / f"orders-{ds}.csv").exists()

    @task
    def clean_orders(ds=None):
        target = out(f"clean/orders-{ds}.csv")
        with text(Path(Variable.get("orders_inbox")) / f"orders-{ds}.csv") as sent, text(target, "w") as file:
            orders.write(file, orders.ORDERS, orders.clean(orders.read(sent)))
        return str(target)

    @task
    def customer_totals(cleaned, ds=None):
        target = out(f"reports/customer_totals-{ds}.csv")
        with text(cleaned) as sent, text(target, "w") as file:
            orders.write(file, orders.TOTALS, orders.totals(orders.read(sent)))
        return str(target)

    @task.short_circuit
    def the_week_is_over(logical_date=None):
        return logical_date.isoweekday() == 7

    @task
    def week(logical_date=None):
        monday = logical_date.date() - timedelta(6)
        rows = []
        for day in range(7):
            with text(out(f"reports/customer_totals-{monday + timedelta(day)}.csv")) as file:
                rows += orders.read(file)
        with text(out(f"reports/week-{monday}.html"), "w") as file:
            file.write(orders.page(monday, orders.totals(rows)))

    cleaned = clean_orders()
    orders_are_there() >> cleaned
    customer_totals(cleaned) >> the_week_is_over() >> week()


pipeline = orders_by_day()

if __name__ == "__main__":
    for day in sys.argv[1:]:
        run = pipeline.test(logical_date=datetime.fromisoformat(day).replace(tzinfo=timezone.utc))
        if run.state != "success":
            sys.exit(f"the run of {day} is {run.state}")
