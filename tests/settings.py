"""The product's settings, made quick: cheap password hashes, no manifest, mail in memory unless a test wants a server."""

import os
import tempfile

os.environ.setdefault("DATA_DIR", tempfile.mkdtemp(prefix="contactops-test-"))
os.environ.setdefault("SECRET_KEY", "only-for-tests")

from contactops.settings import *  # noqa: F403
from contactops.settings import STORAGES

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
SIGN_IN_TRIES_PER_MINUTE = 1000
ALLOWED_HOSTS = ["*"]
CELERY_BROKER_URL = "memory://"  # no worker reads it
CELERY_BROKER_TRANSPORT = ""
CELERY_BROKER_TRANSPORT_OPTIONS = {}
DATABASE_DIRECT_URL = ""  # it would name the database beside the test's own
WHITENOISE_AUTOREFRESH = True  # no collected files are needed
WHITENOISE_USE_FINDERS = True
