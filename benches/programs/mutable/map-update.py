WORDS = [f"word-{i}" for i in range(10000)]
STOCK = dict(zip(WORDS, range(10000), strict=True))


def main():
    sold = STOCK.copy()
    for word in WORDS:
        sold[word] += 1
    return [STOCK["word-7"], sold["word-7"]]
