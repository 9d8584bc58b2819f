"""What a page shows before something is done, signed: what is confirmed is what was shown, and by whom it was shown."""

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, ClassVar, Final, Self

from django.core import signing

# So long a page that shows what will happen may be left open.
CONFIRM_WITHIN: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Shown:
    """What is to be done is in the fields of a subclass, of its own ``SALT``.

    ``uuid``: of the row that will be written, so that a page that is sent again is not done twice; ``user``: whose key.
    """

    SALT: ClassVar[str]

    uuid: str
    user: str

    def sign(self) -> str:
        """For the page."""
        return signing.dumps(asdict(self), salt=self.SALT)

    @classmethod
    def read(cls, token: str, *, by: Any) -> Self | None:
        """What was shown to the user ``by``; None for what is none of ours, too old, or was shown to somebody else."""
        try:
            found = cls(**signing.loads(token, salt=cls.SALT, max_age=CONFIRM_WITHIN))
        except (signing.BadSignature, TypeError):
            return None
        return found if found.user == str(by.pk) else None
