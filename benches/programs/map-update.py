from immutables import Map

WORDS = [f"word-{i}" for i in range(10000)]
STOCK = Map(zip(WORDS, range(10000)))


def main():
    sold = STOCK
    for word in WORDS:
        sold = sold.set(word, sold[word] + 1)
    return [STOCK["word-7"], sold["word-7"]]
