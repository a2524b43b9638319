from immutables import Map

START = Map(zip(range(1000), range(1000)))


def main():
    current, versions = START, []
    for i in range(4000):
        versions.append(current)
        current = current.set(i % 1000, i)
    return sum(version[7] for version in versions)
