"""A published revision never changes: the database says so, whoever asks.

The only change left is published -> retired. Nothing but a draft can be deleted.
"""

from django.db import migrations

FREEZE = """
CREATE FUNCTION plans_keep_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status = 'draft' THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.status = 'published' AND NEW.status = 'retired'
       AND to_jsonb(NEW) - 'status' = to_jsonb(OLD) - 'status' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'plan revision % is %: it cannot be changed or deleted', OLD.id, OLD.status
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'published_revision_never_changes';
END
$$;
CREATE TRIGGER published_revision_never_changes BEFORE UPDATE OR DELETE ON plans_planrevision
    FOR EACH ROW EXECUTE FUNCTION plans_keep_revision();
"""

UNFREEZE = """
DROP TRIGGER published_revision_never_changes ON plans_planrevision;
DROP FUNCTION plans_keep_revision();
"""


class Migration(migrations.Migration):
    dependencies = [("plans", "0002_people")]
    operations = [migrations.RunSQL(FREEZE, UNFREEZE)]
