from immutables import Map

WORDS = [f"word-{i}" for i in range(10000)]


def main():
    sizes = Map()
    for word in WORDS:
        sizes = sizes.set(word, len(word))
    return len(sizes)
