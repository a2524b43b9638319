def main():
    digest = 7
    for n in range(100000):
        digest = (digest * 31 + n) % 1000003
    return digest
