START = list(range(10000))


def main():
    changed = START.copy()
    for i in range(10000):
        changed[i] *= 2
    return [START[9990], changed[9990]]
