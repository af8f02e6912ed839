from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from contactops.accounts.models import User
from contactops.errors import DomainError, Invalid
from plans import library_files, services
from plans.models import RevisionStatus

Documents = list[dict[str, Any]]


class Command(BaseCommand):
    help = "Loads plan files (the library by default) into drafts where they differ; publishes them when asked to."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="*", metavar="PATH", help="plan files, or folders of them")
        parser.add_argument("--check", action="store_true", help="only say whether the files hold; needs no database")
        parser.add_argument("--publish", action="store_true", help="publish what was loaded")
        parser.add_argument("--by", metavar="USER", help="who publishes")
        parser.add_argument("--approved-by", metavar="USER", help="the manager who approves; somebody else")

    def handle(self, *args: Any, **options: Any) -> None:
        documents = _read(options["paths"])
        if options["check"]:
            self.stdout.write(f"{len(documents)} plans hold.")
            return
        by, approver = _person(options["by"]), _person(options["approved_by"])
        if options["publish"] and not (by and approver):
            raise CommandError("--publish needs --by USER and --approved-by USER, two different people")
        try:
            with transaction.atomic():
                self._load(documents, by, approver if options["publish"] else None)
        except DomainError as error:
            raise CommandError(error.detail) from None

    def _load(self, documents: Documents, by: User | None, approver: User | None) -> None:
        services.ensure_catalogue()
        for document in documents:
            loaded = services.load(document, by=by)
            revision, done = loaded.revision, "draft" if loaded.changed else "unchanged"
            if by and approver and revision.status == RevisionStatus.DRAFT:
                revision, done = services.publish(revision, by=by, approved_by=approver), "published"
            self.stdout.write(f"{revision.plan.slug} r{revision.number}: {done}")


def _read(paths: list[str]) -> Documents:
    """Every file, or all that is wrong with any of them."""
    documents, problems = [], []
    for path in library_files.files(paths):
        try:
            documents.append(library_files.read(path))
        except Invalid as error:
            problems.append(error.detail)
    if problems:
        raise CommandError("\n".join(problems))
    if not documents:
        raise CommandError("There are no plan files there.")
    return documents


def _person(username: str | None) -> User | None:
    if username is None:
        return None
    try:
        return User.objects.get(username=username)
    except User.DoesNotExist:
        raise CommandError(f"There is no user “{username}”.") from None
