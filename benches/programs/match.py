def tree(depth):
    if depth == 0:
        return ("unknown",)
    below = tree(depth - 1)
    match depth % 4:
        case 0:
            return ("sum", below, below)
        case 1:
            return ("difference", below, ("number", depth))
        case 2:
            return ("product", ("number", 3), below)
        case _:
            return ("negative", below)


def value(expression, x):
    match expression:
        case ("number", n):
            return n
        case ("unknown",):
            return x
        case ("sum", a, b):
            return value(a, x) + value(b, x)
        case ("difference", a, b):
            return value(a, x) - value(b, x)
        case ("product", a, b):
            return value(a, x) * value(b, x)
        case ("negative", a):
            return -value(a, x)


EXPRESSION = tree(46)


def main():
    return value(EXPRESSION, 5)
