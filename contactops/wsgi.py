"""Django as a WSGI application. asgi.py serves it; any WSGI server can, without live pages."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "contactops.settings")

application = get_wsgi_application()
