"""Who somebody is."""

from django.contrib.auth.backends import ModelBackend

from contactops.accounts.models import User


class PersonBackend(ModelBackend):
    """Django's own; a signed-in person comes with their site, which every page asks for."""

    def get_user(self, user_id: int) -> User | None:
        person = User.objects.select_related("site").filter(pk=user_id).first()
        return person if person and self.user_can_authenticate(person) else None
