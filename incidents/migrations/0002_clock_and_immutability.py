"""The clock that decides, and history that cannot be edited."""

from django.db import migrations

APP_NOW = """
CREATE FUNCTION app_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$SELECT clock_timestamp()$$;
"""

FROZEN_EVENTS = """
CREATE FUNCTION incidents_event_is_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'An event is history: it cannot be changed or removed.' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER event_is_history BEFORE UPDATE OR DELETE ON incidents_event
    FOR EACH ROW EXECUTE FUNCTION incidents_event_is_history();
"""

# A note may lose its words, once; nothing else about it may change, and it may not be removed.
FROZEN_NOTES = """
CREATE FUNCTION incidents_note_is_only_redacted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.redacted_at IS NULL AND NEW.redacted_at IS NOT NULL
       AND NEW.id = OLD.id AND NEW.incident_id = OLD.incident_id AND NEW.sha256 = OLD.sha256
       AND NEW.author_id IS NOT DISTINCT FROM OLD.author_id THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'A note can only be redacted.' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER note_is_only_redacted BEFORE UPDATE OR DELETE ON incidents_note
    FOR EACH ROW EXECUTE FUNCTION incidents_note_is_only_redacted();
"""


def _undo(table: str, trigger: str, function: str) -> str:
    return f"DROP TRIGGER {trigger} ON {table}; DROP FUNCTION {function}();"


class Migration(migrations.Migration):
    dependencies = [("incidents", "0001_initial")]

    operations = [
        migrations.RunSQL(APP_NOW, "DROP FUNCTION app_now();"),
        migrations.RunSQL(
            FROZEN_EVENTS, _undo("incidents_event", "event_is_history", "incidents_event_is_history")
        ),
        migrations.RunSQL(
            FROZEN_NOTES, _undo("incidents_note", "note_is_only_redacted", "incidents_note_is_only_redacted")
        ),
    ]
