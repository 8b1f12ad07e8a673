"""Celery with workers that are forked, unchanged; messages lie in files of $CELERY_FOLDER.

celery -A service_celery worker; and with a number of tasks as argument it sends so many.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from burn import burn
from celery import Celery

folder = Path(os.environ["CELERY_FOLDER"])
app = Celery("service_celery", broker="filesystem://")
app.conf.broker_transport_options = {
    "data_folder_in": str(folder),
    "data_folder_out": str(folder),
    "control_folder": str(folder / "control"),
}
app.conf.task_ignore_result = True
app.conf.broker_connection_retry_on_startup = True


@app.task  # type: ignore[untyped-decorator]
def work(milliseconds: int) -> str:
    done = burn(milliseconds)
    (folder / "done").open("a").write("x")
    return done


if __name__ == "__main__":
    from service_celery import work as task  # under the name that the worker has

    for _ in range(int(sys.argv[1])):
        task.delay(20)
