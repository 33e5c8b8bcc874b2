"""A fact that must not be lost is written as soon as the database takes it."""

import psycopg2
import pytest
import sqlalchemy as sa
from waybill_notifier.repositories.persistence import persist

pytestmark = pytest.mark.unit


class Flaky:
    def __init__(self, *errors):
        self.errors = list(errors)

    def __call__(self):
        if self.errors:
            raise self.errors.pop(0)
        return "written"


def away():
    return sa.exc.OperationalError("INSERT", {}, psycopg2.OperationalError("server closed the connection"))


def test_a_database_that_comes_back_takes_it():
    assert persist(Flaky(away(), away()), within_seconds=30) == "written"


def test_it_is_given_up_after_its_time():
    with pytest.raises(sa.exc.OperationalError):
        persist(Flaky(away(), away()), within_seconds=0.0)


def test_another_fault_is_not_repeated():
    transaction = Flaky(sa.exc.ProgrammingError("INSERT", {}, Exception("no such table")))
    with pytest.raises(sa.exc.ProgrammingError):
        persist(transaction, within_seconds=30)
    assert transaction.errors == []
