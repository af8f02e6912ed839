"""The product's settings, with one more page to compare with."""

from contactops.settings import *  # noqa: F403

ROOT_URLCONF = "bench.urls"
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
WHITENOISE_AUTOREFRESH = True  # no collected files are needed
