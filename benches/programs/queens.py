def is_safe(column, queens):
    for distance, other in enumerate(queens, 1):
        if other == column or abs(other - column) == distance:
            return False
    return True


def solutions(n, queens):
    if len(queens) == n:
        return 1
    return sum(solutions(n, [column, *queens]) for column in range(n) if is_safe(column, queens))


def main():
    return solutions(8, [])
