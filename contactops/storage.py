"""Static files under names that carry their content, so that browsers may keep them for good."""

from typing import ClassVar

from whitenoise.storage import CompressedManifestStaticFilesStorage

OUR_MODULES = "js/*.js"
IMPORT = (r"""(?P<matched>from "(?P<url>\./[^"]+)")""", 'from "%(url)s"')


class HashedStaticFiles(CompressedManifestStaticFilesStorage):
    """Also where one of our modules imports another. Django can look for imports everywhere, but finds some in the
    bundles of others that are none."""

    patterns: ClassVar = (*CompressedManifestStaticFilesStorage.patterns, (OUR_MODULES, (IMPORT,)))
