def main():
    return len("\n".join([f"item-{i}={i * i}" for i in range(20000)]))
