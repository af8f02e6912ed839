"""A database of the benchmarks' own: they remove what they wrote, and must never do so anywhere else."""

import os
import sys
from urllib.parse import urlsplit, urlunsplit

import psycopg2
from psycopg2 import sql

NAME = "contactops_bench"


def use_own() -> None:
    """Make it if it is missing, and let DATABASE_URL name it before the settings are read."""
    if "DATABASE_URL" not in os.environ:
        sys.exit("Run it as `make bench`, or name a server in DATABASE_URL.")
    given = urlsplit(os.environ["DATABASE_URL"])
    connection = psycopg2.connect(os.environ["DATABASE_URL"])
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME])
            if not cursor.fetchone():
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))
    finally:
        connection.close()
    os.environ["DATABASE_URL"] = urlunsplit(given._replace(path=f"/{NAME}"))
    os.environ["DATABASE_DIRECT_URL"] = os.environ["DATABASE_URL"]  # hints are heard in the database they are sent in
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    os.environ["DJANGO_SETTINGS_MODULE"] = "bench.settings"
