def steps(n):
    taken = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        taken += 1
    return taken


def main():
    return max(map(steps, range(1, 1000)))
