"""What a driver says of an answer."""


class Wrong(Exception):
    """An answer came, and it is not what the venue has."""


def need(holds, what):
    if not holds:
        raise Wrong(what)
