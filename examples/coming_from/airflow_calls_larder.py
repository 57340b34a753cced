"""Airflow goes on deciding when, and calls larder for what: the page of the week, of `halfway.rs`.

The variable `orders_pipeline` is the program. When the days are larder's too, the same task calls `materialize --stale`.
Without a scheduler: python airflow_calls_larder.py 2024-03-04
"""

import subprocess
import sys
from datetime import datetime, timedelta, timezone

from airflow.sdk import CronDataIntervalTimetable, Variable, dag, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException


def larder(*arguments):
    code = subprocess.run([Variable.get("orders_pipeline"), *arguments]).returncode
    if code == 2:
        raise AirflowFailException("the command line or the definitions are wrong: another attempt is of no use")
    if code != 0:
        raise AirflowException(f"the pipeline ended with {code}")


@dag(
    schedule=CronDataIntervalTimetable("0 0 * * 1", timezone="UTC"),
    start_date=datetime(2024, 3, 4, tzinfo=timezone.utc),
    catchup=True,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
)
def orders_by_week():
    @task
    def week(ds=None):
        larder("materialize", "reports/week", "--partitions", ds)

    week()


pipeline = orders_by_week()

if __name__ == "__main__":
    for day in sys.argv[1:]:
        run = pipeline.test(logical_date=datetime.fromisoformat(day).replace(tzinfo=timezone.utc))
        if run.state != "success":
            sys.exit(f"the run of {day} is {run.state}")
