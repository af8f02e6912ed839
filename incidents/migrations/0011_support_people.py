"""A kind of event more: what is said of people in support."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('incidents', '0010_signals'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='event',
            name='event_kind_is_known',
        ),
        migrations.AlterField(
            model_name='event',
            name='kind',
            field=models.CharField(choices=[('reported', 'reported'), ('joined', 'joined'), ('acknowledged', 'acknowledged'), ('assessed', 'assessed'), ('activated', 'activated'), ('deactivated', 'deactivated'), ('level_set', 'level_set'), ('level_confirmed', 'level_confirmed'), ('condition', 'condition'), ('point', 'point'), ('tier', 'tier'), ('step_opened', 'step_opened'), ('step_started', 'step_started'), ('step_ticked', 'step_ticked'), ('step_completed', 'step_completed'), ('step_skipped', 'step_skipped'), ('step_assigned', 'step_assigned'), ('step_blocked', 'step_blocked'), ('step_unblocked', 'step_unblocked'), ('step_withdrawn', 'step_withdrawn'), ('step_overdue', 'step_overdue'), ('step_reminded', 'step_reminded'), ('call_tried', 'call_tried'), ('updated', 'updated'), ('cadence_set', 'cadence_set'), ('called_out', 'called_out'), ('contact_asked', 'contact_asked'), ('contact_failed', 'contact_failed'), ('contact_absent', 'contact_absent'), ('unreachable', 'unreachable'), ('answered', 'answered'), ('handed_over', 'handed_over'), ('notice_acknowledged', 'notice_acknowledged'), ('notice_declined', 'notice_declined'), ('list_added', 'list_added'), ('list_settled', 'list_settled'), ('mark', 'mark'), ('suggested', 'suggested'), ('fired', 'fired'), ('adjusted', 'adjusted'), ('corrected', 'corrected'), ('waived', 'waived'), ('commanded', 'commanded'), ('merged_in', 'merged_in'), ('merged_into', 'merged_into'), ('stood_down', 'stood_down'), ('stand_down_withdrawn', 'stand_down_withdrawn'), ('closed', 'closed'), ('cancelled', 'cancelled'), ('reopened', 'reopened'), ('note', 'note'), ('redacted', 'redacted'), ('support', 'support')], max_length=24),
        ),
        migrations.AddConstraint(
            model_name='event',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['reported', 'joined', 'acknowledged', 'assessed', 'activated', 'deactivated', 'level_set', 'level_confirmed', 'condition', 'point', 'tier', 'step_opened', 'step_started', 'step_ticked', 'step_completed', 'step_skipped', 'step_assigned', 'step_blocked', 'step_unblocked', 'step_withdrawn', 'step_overdue', 'step_reminded', 'call_tried', 'updated', 'cadence_set', 'called_out', 'contact_asked', 'contact_failed', 'contact_absent', 'unreachable', 'answered', 'handed_over', 'notice_acknowledged', 'notice_declined', 'list_added', 'list_settled', 'mark', 'suggested', 'fired', 'adjusted', 'corrected', 'waived', 'commanded', 'merged_in', 'merged_into', 'stood_down', 'stand_down_withdrawn', 'closed', 'cancelled', 'reopened', 'note', 'redacted', 'support'])), name='event_kind_is_known'),
        ),
    ]
