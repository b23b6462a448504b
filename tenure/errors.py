"""The one kind of error that is shown to people."""


class TenureError(Exception):
    """A refusal or failure with one clear line for the user.

    `message` says what was refused and why; `hint` says what to do. The command line prints both on one line and
    exits with `exit_code` (1: a file or check was refused; 2: wrong use). Anything else that reaches the user is a
    defect.
    """

    def __init__(self, message: str, *, hint: str = "", exit_code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message
