"""A promise that was kept stays kept: the second wall behind the engine's own count of firings."""

from django.db import migrations

FROZEN_FIRINGS = """
CREATE FUNCTION incidents_timer_is_kept_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state IN ('fired', 'collapsed') THEN
        RAISE EXCEPTION 'Promise % was kept already: it is not kept again, changed or removed.', OLD.key
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'promise_kept_stays_kept';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER promise_kept_stays_kept BEFORE UPDATE OR DELETE ON incidents_timer
    FOR EACH ROW EXECUTE FUNCTION incidents_timer_is_kept_once();
"""

UNFREEZE = """
DROP TRIGGER promise_kept_stays_kept ON incidents_timer;
DROP FUNCTION incidents_timer_is_kept_once();
"""


class Migration(migrations.Migration):
    dependencies = [("incidents", "0003_longer_keys")]

    operations = [migrations.RunSQL(FROZEN_FIRINGS, UNFREEZE)]
