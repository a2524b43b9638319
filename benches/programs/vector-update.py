from pyrsistent import pvector

START = pvector(range(10000))


def main():
    changed = START
    for i in range(10000):
        changed = changed.set(i, 2 * changed[i])
    return [START[9990], changed[9990]]
