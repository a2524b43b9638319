def main():
    squares = []
    for i in range(30000):
        squares.append(i * i)
    return [len(squares), squares[29999]]
