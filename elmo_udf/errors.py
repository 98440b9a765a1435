"""The one error that is the user's to mend."""


class UserError(ValueError):
    """Bad input, a bad option or a bad model.

    The message is one line that names the thing, what was found, what was expected and what to do.
    Jobs print it and exit with 2; library users catch it (it is a ValueError).
    """

    def __init__(self, message: str) -> None:
        """Join the lines that the message of another library's error may have brought along."""
        super().__init__(" ".join(line.strip() for line in message.splitlines() if line.strip()))
