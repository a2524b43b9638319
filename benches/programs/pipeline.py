def total(factor, divisor, limit):
    return sum(n * factor for n in range(limit) if n % divisor != 0)


def main():
    return total(3, 7, 100000)
