"""The settings of processes that tests of DeferredTintypeStorage start and kill."""

import os

from tests.settings import *  # noqa: F403

INSTALLED_APPS = ["django_tintype"]

TINTYPE = {
    "URL": os.environ["TINTYPE_TEST_URL"],
    "TOKEN": "dev",
    "TIMEOUT": 5,
    "DEFERRED_ROOT": os.environ["TINTYPE_TEST_DEFERRED_ROOT"],
    "DEFERRED_ROOT_IS_SHARED_AND_DURABLE": True,
}
