WORDS = [f"word-{i}" for i in range(10000)]


def main():
    sizes = {}
    for word in WORDS:
        sizes[word] = len(word)
    return len(sizes)
